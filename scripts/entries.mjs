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
  "platform/node": "src/runtimes/node/platform.ts",
  "platform/native": "src/runtimes/web/platform.ts",
  "platform/bun": "src/runtimes/bun/platform.ts",
}
