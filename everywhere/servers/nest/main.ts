import "reflect-metadata"
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from "@nestjs/common"
import { HttpAdapterHost, NestFactory } from "@nestjs/core"
import { createHub } from "everwire/node"

/** Holds the hub. Any provider may ask for it. */
@Injectable()
export class Live implements OnApplicationBootstrap, OnModuleDestroy {
  readonly hub = createHub()
  @Inject(HttpAdapterHost)
  readonly adapter!: HttpAdapterHost

  constructor() {
    this.hub.on("chat", (data) => this.hub.send("chat", data))
  }

  // Earlier, the server does not exist.
  onApplicationBootstrap(): void {
    this.hub.attach(this.adapter.httpAdapter.getHttpServer())
  }

  onModuleDestroy(): Promise<void> {
    return this.hub.close()
  }
}

@Controller()
class AppController {
  @Get()
  home(): string {
    return "the application"
  }
}

@Module({ controllers: [AppController], providers: [Live] })
class AppModule {}

const app = await NestFactory.create(AppModule)
app.enableShutdownHooks()
await app.listen(process.env.PORT ?? 8080)

export const { hub } = app.get(Live)

/** Ends the hub and the server. */
export const close = () => app.close()
