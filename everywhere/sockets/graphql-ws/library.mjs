// graphql-ws: its client, and its server on the interface of ws. Numbers go up as mutations and come down in a subscription.
import { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema } from "graphql"
import * as lines from "./lines.mjs"

export function serve(server, { heard, numbers }) {
  const number = { type: new GraphQLNonNull(GraphQLInt) }
  const say = (n) => {
    heard(n)
    return n
  }
  const fields = (of) => new GraphQLObjectType({ name: Object.keys(of)[0], fields: of })
  const schema = new GraphQLSchema({
    query: fields({ one: { ...number, resolve: () => 1 } }),
    mutation: fields({ say: { ...number, args: { n: number }, resolve: (_, { n }) => say(n) } }),
    subscription: fields({ count: { ...number, subscribe: () => numbers(), resolve: (n) => n } }),
  })
  lines.serve(server, schema)
}

export async function connect({ WebSocket, url, heard, failed }) {
  const client = lines.connect(WebSocket, url, { retryAttempts: 0, lazy: false, onNonLazyError: failed })
  const ask = (query, next) => client.subscribe({ query }, { next, error: failed, complete() {} })
  await new Promise((resolve) => ask("{ one }", resolve))
  ask("subscription { count }", ({ data }) => heard(data.count))
  return {
    send: (n) => ask(`mutation { say(n: ${n}) }`, ({ data }) => data.say === n || failed(new Error("another answer"))),
    close: () => client.dispose(),
  }
}
