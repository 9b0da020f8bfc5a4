// The import table of the project: what each folder may reach. Type-only imports count as much as any other.

const DIALER_HALF = "^src/transports/(?:.*/dialer\\.ts$|http/client/)"
const ACCEPTOR_HALF = "^src/transports/(?:[^/]*/acceptor\\.ts$|http/server/)"
const PLATFORM_SOCKETS = "^src/runtimes/(?:web|node|bun)/platform\\.ts$"
const ENTRIES = "^src/[^/]+\\.ts$"
const NODE_SIDE = "^src/(?:node\\.ts$|runtimes/node/)"
/** What publishes on Node's diagnostics channels. */
const DIAGNOSTICS = "^src/(?:diagnostics\\.ts$|observe/)"
/** The part of it that every hub on Node has. */
const HUB_DIAGNOSTICS = "^src/observe/hub-diagnostics\\.ts$"
/** The rooms that are written in the language alone: no DOM, no Node. */
const KERNEL = "^src/(?:wire|session|messaging)/"
/** What a runtime lends to both seats. */
const RUNTIMES = "^src/runtimes/(?:[^/]+\\.ts$|(?:web|node|bun)/platform\\.ts$)"
/** The hub's doors on the servers of runtimes that answer a Request with a Response. */
const FETCH_SERVERS = "^src/runtimes/fetch/"
/** The hub's doors on Node's servers. */
const SERVERS_OF_NODE = "^src/runtimes/node/(?!platform\\.ts$)"
/** What joins processes of one machine. */
const PROCESSES = "^src/cluster/processes/"
const PACKAGES = "(?:^|/)node_modules/"

/** A folder may import these paths of the project and nothing else of it; packages are ruled further down. */
const mayImport = (name, from, allowed, comment) => ({
  name,
  severity: "error",
  comment,
  from,
  to: { path: "^src/", pathNot: allowed },
})

/** Neither directly nor through anything else. */
const mayNotReach = (name, from, path, comment) => ({
  name,
  severity: "error",
  comment,
  from: { path: from },
  to: { path, reachable: true },
})

/** Only these files may import this package. */
const packageOnlyIn = (name, from) => ({
  name: `${name}-only-where-allowed`,
  severity: "error",
  comment: `The package ${name} is named only in ${from}.`,
  from: { pathNot: from },
  to: { path: `(?:${PACKAGES}(?:@types/)?${name}/|^${name}$)` },
})

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      comment: "No cycles, not even of types: a need to import upwards means a missing parameter.",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolvable",
      severity: "error",
      comment: "Every import names something that exists.",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-undeclared-package",
      severity: "error",
      comment: "What is shipped imports only `dependencies` and `peerDependencies`.",
      from: { path: "^src/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["type-only"],
        pathNot: `${PACKAGES}(?:react|vue|svelte|solid-js)/`, // peers, and for the tests also packages of development
      },
    },

    mayImport("wire", { path: "^src/wire/" }, ["^src/wire/"], "Bytes and packets know nothing but themselves."),
    mayImport(
      "session",
      { path: "^src/session/" },
      ["^src/session/", "^src/wire/"],
      "A session knows packets and links, and not what an application says over it.",
    ),
    mayImport(
      "messaging",
      { path: "^src/messaging/" },
      ["^src/messaging/", "^src/session/", "^src/wire/"],
      "What applications say sits on the session, and on no transport.",
    ),
    mayImport(
      "codecs",
      { path: "^src/codecs/" },
      ["^src/codecs/", "^src/wire/"],
      "A codec turns values into bytes and back, and knows nothing of who sends them.",
    ),
    mayImport(
      "runtimes",
      { path: "^src/runtimes/", pathNot: [SERVERS_OF_NODE, FETCH_SERVERS] },
      ["^src/runtimes/(?!fetch/)", KERNEL, "^src/transports/transport\\.ts$", "^src/transports/http/refusal\\.ts$"],
      "A runtime lends sockets and clocks to the layers above and knows none of them but by their contract.",
    ),
    mayImport(
      "transports",
      { path: "^src/transports/", pathNot: [DIALER_HALF, ACCEPTOR_HALF] },
      [KERNEL, "^src/transports/"],
      "What both halves of a transport share is the shape of its wire.",
    ),
    {
      name: "transports-shared-takes-no-side",
      severity: "error",
      comment: "What both halves share imports neither half.",
      from: { path: "^src/transports/", pathNot: [DIALER_HALF, ACCEPTOR_HALF] },
      to: { path: [DIALER_HALF, ACCEPTOR_HALF] },
    },
    mayImport(
      "dialer",
      { path: DIALER_HALF },
      [KERNEL, "^src/transports/"],
      "A dialer sits on packets, links and the shared wire; the platform's socket is given to it with the target.",
    ),
    mayNotReach("dialer-never-acceptor", DIALER_HALF, ACCEPTOR_HALF, "The halves of a transport never meet."),
    mayImport(
      "acceptor",
      { path: ACCEPTOR_HALF },
      [KERNEL, "^src/transports/"],
      "An acceptor sits on packets, links and the shared wire; its socket is given to it.",
    ),
    mayNotReach("acceptor-never-dialer", ACCEPTOR_HALF, DIALER_HALF, "The halves of a transport never meet."),
    mayImport(
      "client",
      { path: "^src/client/" },
      ["^src/client/", KERNEL, RUNTIMES, "^src/transports/"],
      "Client code never meets server code.",
    ),
    mayNotReach("client-never-acceptor", "^src/client/", ACCEPTOR_HALF, "Client code never meets server code."),
    mayImport(
      "bindings",
      { path: "^src/bindings/" },
      [
        "^src/bindings/(?:shared-channel|source|asking|input)\\.ts$",
        "^src/client/(?:channel|options)\\.ts$",
        "^src/messaging/(?:contract|request-options)\\.ts$",
        "^src/wire/errors\\.ts$",
      ],
      "A binding to a framework knows the channel by its public contract, and no other binding.",
    ),
    mayImport(
      "server",
      { path: "^src/server/" },
      ["^src/server/", KERNEL, RUNTIMES, "^src/transports/"],
      "Server code never meets client code, nor Node: it runs wherever there are Request and Response.",
    ),
    mayNotReach(
      "server-never-dialer",
      "^src/server/",
      [DIALER_HALF, PLATFORM_SOCKETS],
      "A hub never dials, so it carries no client socket.",
    ),
    mayImport(
      "node",
      { path: SERVERS_OF_NODE },
      ["^src/runtimes/node/", "^src/server/", KERNEL, RUNTIMES, "^src/transports/", HUB_DIAGNOSTICS],
      "The Node seat attaches a hub to Node's servers.",
    ),
    mayImport(
      "fetch-servers",
      { path: FETCH_SERVERS },
      [FETCH_SERVERS, "^src/server/", KERNEL, RUNTIMES, "^src/transports/"],
      "The seats of other runtimes attach a hub to their servers.",
    ),
    mayNotReach(
      "fetch-servers-never-dialer-nor-node",
      "^src/(?:(?:bun|deno|workers|crossws)\\.ts$|runtimes/fetch/)",
      [DIALER_HALF, PLATFORM_SOCKETS, SERVERS_OF_NODE, DIAGNOSTICS, "^src/(?:client|testing)(?:/|\\.ts$)"],
      "A hub never dials, and other runtimes need nothing of Node.",
    ),
    mayNotReach("node-never-dialer", SERVERS_OF_NODE, [DIALER_HALF, PLATFORM_SOCKETS], "A hub never dials."),
    mayImport(
      "observe",
      { path: "^src/observe/" },
      [
        "^src/observe/",
        "^src/server/observer\\.ts$",
        "^src/client/(?:channel|options|connect/incident)\\.ts$",
        "^src/messaging/subscription\\.ts$",
        "^src/wire/errors\\.ts$",
      ],
      "What watches hubs and channels knows only what they publish.",
    ),
    mayImport(
      "cluster",
      { path: "^src/cluster/" },
      [
        "^src/cluster/",
        KERNEL,
        "^src/runtimes/hub-runtime\\.ts$",
        "^src/codecs/msgpack/msgpack\\.ts$",
        "^src/runtimes/hub-runtime\\.ts$",
        "^src/transports/transport\\.ts$",
        "^src/server/(?:cluster|moved-session|across|peer|rooms/(?:rooms|selection))\\.ts$",
      ],
      "A cluster knows a hub by what the hub tells it, and the hub knows a cluster by its interface alone.",
    ),
    mayImport(
      "socket",
      { path: "^src/socket/" },
      [
        "^src/socket/",
        "^src/client/channel\\.ts$",
        "^src/server/(?:hub|peer)\\.ts$",
        "^src/messaging/contract\\.ts$",
        "^src/wire/errors\\.ts$",
      ],
      "Sockets know a channel, a hub and a peer by their public interfaces.",
    ),
    {
      name: "socket-brings-nothing-along",
      severity: "error",
      comment: "It knows channels, hubs and peers as types: who has one has its code already.",
      from: { path: "^src/socket/" },
      to: { path: "^src/", pathNot: "^src/socket/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "socket-client-half-has-no-hub-half",
      severity: "error",
      comment: "A page that uses the class of sockets loads nothing of the hub's half.",
      from: { path: "^src/socket/web-socket-class\\.ts$" },
      to: { path: "^src/socket/(?:hub-socket|web-socket-server|router|buffers|listeners)\\.ts$", reachable: true },
    },
    mayImport(
      "testing",
      { path: "^src/testing/" },
      ["^src/testing/", KERNEL, "^src/transports/transport\\.ts$", "^src/client/", "^src/server/", "^src/cluster/"],
      "The test kit is used through the same public doors as anyone's: no transport's insides.",
    ),

    {
      name: "entries-are-roots",
      severity: "error",
      comment: "Only an entry imports an entry.",
      from: { path: "^src/[^/]+/" },
      to: { path: ENTRIES },
    },
    mayNotReach(
      "client-entries-stay-in-the-browser",
      "^src/(?:index|core)\\.ts$",
      [
        "^src/(?:server|testing)(?:/|\\.ts$)",
        "^src/node\\.ts$",
        DIAGNOSTICS,
        ACCEPTOR_HALF,
        "^src/runtimes/(?:node|bun)/",
      ],
      "An application's bundle holds no server code and no Node.",
    ),
    mayNotReach(
      "server-entry-stays-portable",
      "^src/server\\.ts$",
      [
        "^src/(?:client|testing)(?:/|\\.ts$)",
        "^src/node\\.ts$",
        DIAGNOSTICS,
        SERVERS_OF_NODE,
        DIALER_HALF,
        PLATFORM_SOCKETS,
      ],
      "The hub without Node runs on any web platform.",
    ),
    mayNotReach(
      "node-entry-is-a-server",
      "^src/node\\.ts$",
      ["^src/(?:client|testing)(?:/|\\.ts$)", DIALER_HALF, PLATFORM_SOCKETS],
      "The Node entry is the hub and its doors.",
    ),

    {
      name: "node-only-in-node",
      severity: "error",
      comment:
        "Node is named only under src/runtimes/node, src/observe and src/cluster/processes (and in src/node.ts).",
      from: { path: "^src/", pathNot: [NODE_SIDE, DIAGNOSTICS, PROCESSES] },
      to: { dependencyTypes: ["core"] },
    },
    packageOnlyIn("ws", NODE_SIDE),
    packageOnlyIn("eventsource", "^src/runtimes/(?:node|bun)/platform\\.ts$"),
    packageOnlyIn("@msgpack/msgpack", "^src/(?:codecs/msgpack|cluster)/"),
    packageOnlyIn("eventemitter3", "^src/(?:client|server|socket)/"),
    packageOnlyIn("react", "^src/bindings/react\\.ts$"),
    packageOnlyIn("vue", "^src/bindings/vue\\.ts$"),
    packageOnlyIn("solid-js", "^src/bindings/solid\\.ts$"),
    packageOnlyIn("svelte", "^src/bindings/svelte\\.ts$"),
    {
      name: "no-other-packages",
      severity: "error",
      comment: "A new runtime dependency is a decision: name it here and say where it may be used.",
      from: { path: "^src/" },
      to: {
        path: PACKAGES,
        pathNot: `${PACKAGES}(?:@types/)?(?:ws|eventsource|eventemitter3|@msgpack/msgpack|node|react|vue|svelte|solid-js)/`,
      },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: PACKAGES },
    enhancedResolveOptions: {
      // `browser`, so that "the client never reaches Node" is asked of the platform that a browser gets.
      conditionNames: ["everwire-source", "browser", "import", "types", "default"],
      exportsFields: ["exports"],
      extensions: [".ts", ".d.ts", ".js", ".cjs", ".mjs", ".json"],
    },
  },
}
