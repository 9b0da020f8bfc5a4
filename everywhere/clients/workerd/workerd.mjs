import { Miniflare } from "miniflare"

const worker = new Miniflare({ modules: true, scriptPath: "dist/worker.js", compatibilityDate: "2026-04-01" })
const answer = await worker.dispatchFetch("http://worker", { method: "POST", body: process.env.EVERYWHERE })
const text = await answer.text()
await worker.dispose()
if (!answer.ok) throw new Error(text)
console.log(`everywhere: ${text}`)
