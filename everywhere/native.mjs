// Runs a bundle of entry.mjs (`node native.mjs dist/entry.js`) in a realm like React Native's.

import { readFileSync } from "node:fs"
import vm from "node:vm"
import { createReactNative } from "./react-native.mjs"

const realm = createReactNative()
vm.runInContext(readFileSync(process.argv[2], "utf8"), realm)
console.log(`everywhere: ${await realm.everywhere(JSON.parse(process.env.EVERYWHERE))}`)
