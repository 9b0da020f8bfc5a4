// @ts-check
// The sources of the package's entries, by their names in `dist`.

/** Those that have types. */
export const publicEntries = {
  index: "src/index.ts",
  core: "src/core.ts",
  server: "src/server.ts",
  node: "src/node.ts",
  testing: "src/testing.ts",
}

/** @type {Record<string, string>} */
export const entries = {
  ...publicEntries,
  "platform/node": "src/platform/node.ts",
  "platform/native": "src/platform/native.ts",
  "platform/bun": "src/platform/bun.ts",
}
