// Runs in a worker process or thread, as an application would, and does with the ends of a backplane what the test says.
import { isMainThread, parentPort } from "node:worker_threads"
import type { Backplane } from "everwire/testing"
import { processes } from "../../../src/cluster/processes/processes.ts"
import type { Order, Report } from "./remote-end.ts"

const ends = new Map<number, Backplane>()
const unsubscribes = new Map<unknown, () => void>()

function report(what: Report): void {
  if (isMainThread) process.send?.(what)
  else parentPort?.postMessage(what)
}

async function obey({ end: number, method, args }: Order): Promise<unknown> {
  if (method === "open") {
    process.env["EVERWIRE_PROCESSES"] = String(args[0])
    ends.set(number, processes())
    return undefined
  }
  const end = ends.get(number)
  if (end === undefined) throw new Error("no such end")
  const [name, callback] = args
  if (method === "unsubscribe") return unsubscribes.get(name)?.()
  if (method === "subscribe") {
    const hear = (value: Uint8Array): void => report({ calledBack: Number(callback), value: Uint8Array.from(value) })
    unsubscribes.set(callback, await end.subscribe(String(name), hear))
    return undefined
  }
  if (method === "onConnected") {
    end.onConnected((value) => report({ calledBack: Number(name), value }))
    return undefined
  }
  if (method === "will") return void end.will?.(String(args[0]), args[1] as Uint8Array) // as said to its Backplane
  const run = end[method] as (...given: unknown[]) => unknown // the arguments come from a Backplane's method
  return run.apply(end, [...args])
}

function hear(order: Order): void {
  obey(order).then(
    (value) => report({ id: order.id, value }),
    (error: unknown) => {
      report({ id: order.id, code: (Object(error) as { code?: unknown }).code, message: String(error) })
    },
  )
}

if (isMainThread) process.on("message", hear)
else parentPort?.on("message", hear)

// What is sent before there is a listener is lost.
report({ calledBack: 0, value: "listens" })
