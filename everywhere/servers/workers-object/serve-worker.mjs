// Serves the worker on PORT until it is killed, or until its hub has closed.
import { Miniflare } from "miniflare"

const worker = new Miniflare({
  modules: true,
  scriptPath: "dist/worker.js",
  compatibilityDate: "2026-04-01",
  port: Number(process.env.PORT),
  durableObjects: { CHAT: "Chat" },
})
await worker.ready
process.once("SIGTERM", () => worker.dispose().then(() => process.exit()))
