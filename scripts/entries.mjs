// @ts-check
// The source file of each entry of the package, by the entry's name in `dist`.

/** The entries with type declarations. */
export const publicEntries = {
  index: "src/index.ts",
  core: "src/core.ts",
  server: "src/server.ts",
  node: "src/node.ts",
  streams: "src/streams.ts",
  contract: "src/contract.ts",
  msgpack: "src/msgpack.ts",
  cluster: "src/cluster.ts",
  diagnostics: "src/diagnostics.ts",
  redis: "src/redis.ts",
  nats: "src/nats.ts",
  testing: "src/testing.ts",
  react: "src/react.ts",
}

/** @type {Record<string, string>} */
export const entries = {
  ...publicEntries,
  "platform/node": "src/runtimes/node/platform.ts",
  "platform/native": "src/runtimes/web/platform.ts",
  "platform/bun": "src/runtimes/bun/platform.ts",
}
