import vm from "node:vm"
import { expect, it } from "vitest"
import { bundle } from "./bundle.ts"

it.each(["index", "core", "server", "testing"])(
  "everwire's %s can be imported in a realm that has the language alone",
  async (entry) => {
    const code = await bundle(entry)
    // A realm with only what ECMAScript defines: no timers, no URL, no console.
    const realm = vm.createContext({})
    for (const name of ["console", "SharedArrayBuffer", "WebAssembly"])
      vm.runInContext(`delete globalThis.${name}`, realm)
    vm.runInContext(code, realm)
    expect(vm.runInContext("Object.keys(everwire)", realm)).not.toEqual([])
  },
)
