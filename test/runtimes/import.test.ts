import vm from "node:vm"
import { expect, it } from "vitest"
import { bundle } from "./bundle.ts"

it.each(["index", "core", "server", "testing"])(
  "everwire's %s asks nothing of the platform when it is imported: the language alone is enough",
  async (entry) => {
    const code = await bundle(entry)
    // A realm of its own, with what ECMAScript says and nothing else: no timers, no URL, no console.
    const realm = vm.createContext({})
    for (const name of ["console", "SharedArrayBuffer", "WebAssembly"])
      vm.runInContext(`delete globalThis.${name}`, realm)
    vm.runInContext(code, realm)
    expect(vm.runInContext("Object.keys(everwire)", realm)).not.toEqual([])
  },
)
