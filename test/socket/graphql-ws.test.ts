// A library that knows nothing of everwire, over sockets of a channel: graphql-ws. `npm run everywhere` has more of them.

import { createRequire } from "node:module"
import { createClient } from "graphql-ws"
import { useServer } from "graphql-ws/use/ws"
import { describe, expect, it } from "vitest"
import { createSocketDuo } from "./sockets.ts"

// The copy that graphql-ws gets from Node. Vitest would take the one for bundlers, and a schema of that is none to the other.
const { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema } = createRequire(import.meta.url)(
  "graphql",
) as typeof import("graphql")

const TYPE = new GraphQLNonNull(GraphQLInt)

/** Numbers from the server that are iterated as they are pushed. */
function createFeed() {
  const waiting: number[] = []
  let wake = (): void => {}
  return {
    push(n: number) {
      waiting.push(n)
      wake()
    },
    async *iterate() {
      for (;;) {
        yield* waiting.splice(0)
        if (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}

describe.each(["websocket", "sse", "long-poll", "short-poll"])("graphql-ws over %s", (transport) => {
  it("keeps its connection and all results while the network is cut again and again", async () => {
    const { server, accepted, WebSocket, runtime, network } = await createSocketDuo({}, { transports: [transport] })
    const feed = createFeed()
    const up: number[] = []
    const say = (n: number): number => {
      up.push(n)
      return n
    }
    const schema = new GraphQLSchema({
      query: new GraphQLObjectType({ name: "Query", fields: { one: { type: TYPE, resolve: () => 1 } } }),
      mutation: new GraphQLObjectType({
        name: "Mutation",
        fields: { say: { type: TYPE, args: { n: { type: TYPE } }, resolve: (_, { n }: { n: number }) => say(n) } },
      }),
      subscription: new GraphQLObjectType({
        name: "Subscription",
        fields: { count: { type: TYPE, subscribe: () => feed.iterate(), resolve: (n: number) => n } },
      }),
    })
    // TypeScript: the types of ws name Node's EventEmitter, of which a hub on other platforms has none.
    useServer({ schema }, server as unknown as Parameters<typeof useServer>[1], 0)

    const failures: unknown[] = []
    const client = createClient({
      url: "ws://host/graphql",
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: (error) => void failures.push(error),
    })
    const answers: unknown[] = []
    const down: unknown[] = []
    const ask = (query: string, to: unknown[]): void => {
      const error = (thrown: unknown): void => void failures.push(thrown)
      client.subscribe({ query }, { next: ({ data }) => to.push(Object.values(data ?? {})[0]), error, complete() {} })
    }
    ask("subscription { count }", down)
    await runtime.pass(2_000)
    expect(accepted[0]?.protocol).toBe("graphql-transport-ws")

    const numbers = Array.from({ length: 60 }, (_, n) => n)
    for (const n of numbers) {
      ask(`mutation { say(n: ${n}) }`, answers)
      feed.push(n)
      if (n % 20 === 10) network.cut()
      await runtime.pass(50)
    }
    await runtime.pass(60_000)
    expect([failures, up, answers, down]).toEqual([[], numbers, numbers, numbers])
    expect(accepted).toHaveLength(1)

    void client.dispose()
    await runtime.pass(2_000)
    expect([accepted[0]?.readyState, server.clients.size]).toEqual([3, 0])
  })
})
