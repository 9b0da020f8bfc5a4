// The floor for SSE and long-poll: `node:http` alone. All messages of one tick are one event or one answer.
import { randomUUID } from "node:crypto"
import { EventSource } from "eventsource"
import { RawHttp } from "../wire/http.mjs"

export const transports = ["sse", "long-poll"]

export function serve({ server, application }) {
  const clients = new Map()
  server.on("request", (request, response) => {
    const [, route, id] = request.url.split("/")
    const leave = () => {
      const client = clients.get(id)
      if (clients.delete(id)) application.left(client)
    }
    if (route === "left") {
      leave()
      return response.end()
    }
    const client = clients.get(id) ?? new Client()
    if (!clients.has(id)) {
      clients.set(id, client)
      application.connected(client)
    }
    if (route === "up") {
      let body = ""
      request.setEncoding("utf8")
      request.on("data", (text) => {
        body += text
      })
      request.on("end", () => {
        for (const [name, data] of JSON.parse(body)) application.heard(client, name, data)
        response.writeHead(200, { "content-type": "text/plain", "content-length": 2 }).end("ok")
      })
      return
    }
    client.listen(response, route === "sse")
    response.on("close", () => {
      if (!response.writableFinished) leave()
    })
  })
  const broadcast = (name, data) => {
    const text = JSON.stringify([name, data])
    for (const client of clients.values()) client.say(text)
  }
  return { send: (client, name, data) => client.say(JSON.stringify([name, data])), broadcast }
}

/** A client that has a stream open or polls from time to time. */
class Client {
  #queue = []
  #response
  #streams = false

  listen(response, streams) {
    this.#response = response
    this.#streams = streams
    if (streams) {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
      response.flushHeaders()
    }
    if (this.#queue.length > 0) this.#flush()
  }

  say(text) {
    if (this.#queue.push(text) === 1) queueMicrotask(() => this.#flush())
  }

  #flush() {
    const response = this.#response
    if (response === undefined || this.#queue.length === 0) return
    const body = `[${this.#queue.join()}]`
    this.#queue = []
    if (this.#streams) return void response.write(`data:${body}\n\n`)
    this.#response = undefined
    response.writeHead(200, { "content-type": "text/plain", "content-length": Buffer.byteLength(body) }).end(body)
  }
}

export async function connect({ port, transport, heard }) {
  const id = randomUUID()
  const url = `http://127.0.0.1:${port}`
  const hear = (text) => {
    for (const [, data] of JSON.parse(text)) heard(data)
  }
  const abort = new AbortController()
  // Between two polls a server cannot know that a client has gone.
  const close = () => {
    abort.abort()
    return fetch(`${url}/left/${id}`, { method: "POST" })
  }
  const queue = []
  let busy = false
  const upload = async () => {
    if (busy) return
    busy = true
    while (queue.length > 0) {
      await (await fetch(`${url}/up/${id}`, { method: "POST", body: JSON.stringify(queue.splice(0)) })).text()
    }
    busy = false
  }
  const send = (name, data) => {
    if (queue.push([name, data]) === 1) queueMicrotask(upload)
  }
  if (transport === "sse") {
    const stream = new EventSource(`${url}/sse/${id}`)
    stream.onmessage = ({ data }) => hear(data)
    await new Promise((resolve) => {
      stream.onopen = resolve
    })
    return { send, close: () => stream.close() }
  }
  const poll = async () => {
    for (;;) hear(await (await fetch(`${url}/poll/${id}`, { signal: abort.signal })).text())
  }
  poll().catch(() => {})
  return { send, close }
}

export async function openWire({ port, transport, hear }) {
  const id = randomUUID()
  const up = new RawHttp(port)
  const down = new RawHttp(port)
  if (transport === "sse") await new Promise((resolve) => down.stream(`/sse/${id}`, (lines) => resolve(hear(lines))))
  else {
    const poll = async () => {
      while (!down.socket.destroyed) hear(await down.request("GET", `/poll/${id}`))
    }
    poll().catch(() => {})
  }
  return {
    say: (name, payloads) => up.request("POST", `/up/${id}`, JSON.stringify(payloads.map((data) => [name, data]))),
    sockets: [up.socket, down.socket],
    async close() {
      down.close()
      await up.request("POST", `/left/${id}`)
      up.close()
    },
  }
}
