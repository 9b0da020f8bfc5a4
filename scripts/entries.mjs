// @ts-check
// The source file of each entry of the package, by the entry's name in `dist`.

const first = {
  index: "src/index.ts",
  core: "src/core.ts",
  server: "src/server.ts",
  node: "src/node.ts",
  bun: "src/bun.ts",
  deno: "src/deno.ts",
  workers: "src/workers.ts",
  crossws: "src/crossws.ts",
  streams: "src/streams.ts",
  contract: "src/contract.ts",
  msgpack: "src/msgpack.ts",
  cluster: "src/cluster.ts",
  diagnostics: "src/diagnostics.ts",
  redis: "src/redis.ts",
  nats: "src/nats.ts",
  testing: "src/testing.ts",
  react: "src/react.ts",
  vue: "src/vue.ts",
  svelte: "src/svelte.ts",
  solid: "src/solid.ts",
}

/** Entries that go last, because the order decides that of the chunks, and with it the size of every client when compressed. */
const last = {
  socket: "src/socket.ts",
  "socket-server": "src/socket-server.ts",
}

/** The entries with type declarations. */
export const publicEntries = { ...first, ...last }

/** @type {Record<string, string>} */
export const entries = {
  ...first,
  "platform/node": "src/runtimes/node/platform.ts",
  "platform/native": "src/runtimes/web/platform.ts",
  "platform/bun": "src/runtimes/bun/platform.ts",
  ...last,
}
