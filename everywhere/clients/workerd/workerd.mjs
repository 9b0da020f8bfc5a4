import { Miniflare } from "miniflare"

const worker = new Miniflare({ modules: true, scriptPath: "dist/worker.js", compatibilityDate: "2026-07-01" })
const answer = await worker.dispatchFetch("http://worker", { method: "POST", body: process.env.EVERYWHERE })
console.log(`everywhere: ${await answer.text()}`)
await worker.dispose()
