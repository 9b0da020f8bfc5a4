import { once } from "node:events"
import { connect, createServer } from "node:net"

/**
 * A TCP proxy on loopback that carries bytes as a phone's modem does. Each direction has one first-in-first-out queue
 * for all connections together, sends at a rate, and delivers after a fixed delay.
 *
 * What lies outside the queue: each socket has the buffers of the kernel (on Linux up to 4 MB to write and some hundred
 * kB to read, which Node cannot make smaller), and this process holds at most two reads of 64 kB per socket that found
 * the queue full. Bytes there wait behind nobody but their own connection, as in the send buffer of a real server. The
 * TCP handshake is not delayed, and headers of TCP and IP are not counted.
 */
export class Modem {
  /** Number of connections that were made through the modem. */
  connections = 0
  up
  down
  #server
  #live = new Set()

  constructor(targetPort, { rate, roundTripMs, queueBytes }) {
    this.up = new Line(rate, roundTripMs / 2, queueBytes)
    this.down = new Line(rate, roundTripMs / 2, queueBytes)
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client, targetPort))
  }

  /** `rate` is in bits per second, for both directions; `queueBytes` bounds the queue of each direction. */
  static async start(targetPort, options) {
    const modem = new Modem(targetPort, options)
    modem.#server.listen({ port: 0, host: "127.0.0.1", backlog: 512 })
    await once(modem.#server, "listening")
    return modem
  }

  get port() {
    return this.#server.address().port
  }

  /** Drops all data of the open connections, in both directions, without telling either end. New connections work. */
  swallow() {
    for (const { ways } of this.#live) for (const way of ways) way.die()
    this.up.forgetTheDead()
    this.down.forgetTheDead()
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const { sockets } of this.#live) for (const socket of sockets) socket.destroy()
    this.up.stop()
    this.down.stop()
    await closed
  }

  #accept(client, targetPort) {
    this.connections++
    const server = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    const sockets = [client, server]
    const connection = { sockets, ways: [new Way(client, server, this.up), new Way(server, client, this.down)] }
    this.#live.add(connection)
    const closed = () => {
      if (sockets.every((socket) => socket.closed)) this.#live.delete(connection)
    }
    for (const socket of sockets) socket.on("close", closed)
  }
}

/** One direction of one connection: the data that was read from the socket and is not in the line's queue yet. */
class Way {
  isDead = false
  to
  /** Whether this source is in the line's list of waiting sources. */
  isWaiting = false
  #from
  #line
  /** Data, or the way in which this side ended ("end", "reset"), in order. */
  #pending = []

  constructor(from, to, line) {
    this.#from = from
    this.to = to
    this.#line = line
    from.on("data", (bytes) => this.#push(bytes))
    from.on("end", () => this.#push("end"))
    from.on("error", () => this.#push("reset"))
  }

  /** The next piece for the queue, of at most this many bytes; undefined when nothing waits. */
  next(mostBytes) {
    const [first] = this.#pending
    if (typeof first !== "object" || first.length <= mostBytes) return this.#pending.shift()
    this.#pending[0] = first.subarray(mostBytes)
    return first.subarray(0, mostBytes)
  }

  hold() {
    this.isWaiting = true
    this.#from.pause()
  }

  release() {
    this.isWaiting = false
    this.#from.resume()
  }

  get isEmpty() {
    return this.#pending.length === 0
  }

  /** Stops reading, so that the sender's buffers fill as they do on a dead connection. */
  die() {
    this.isDead = true
    this.#pending = []
    this.#from.pause()
  }

  #push(piece) {
    if (this.isDead) return
    this.#pending.push(piece)
    if (!this.isWaiting) this.#line.offer(this)
  }
}

/**
 * A slice takes this long to send, within these bounds in bytes: small enough for fair sharing, large enough to be
 * cheap.
 */
const SLICE_MS = 20
const MIN_SLICE_BYTES = 256
const MAX_SLICE_BYTES = 1_460

/** One direction of the modem. */
class Line {
  /** Bits per second. May be changed at any time; the slice that is being sent keeps its speed. */
  rate
  /** Bytes sent so far. */
  carriedBytes = 0
  #delayMs
  #queueBytes
  /** Slices that wait to be sent, and their total in bytes. */
  #queue = new Fifo()
  #queuedBytes = 0
  /** Slices that were sent and whose delay has not passed yet. */
  #flying = new Fifo()
  /** The moment at which the last slice is or was completely sent. */
  #freeAt = 0
  /** Sources that found the queue full, in the order of their turns. */
  #waiting = []
  #timer
  #timerAt = Number.POSITIVE_INFINITY

  constructor(rate, delayMs, queueBytes) {
    this.rate = rate
    this.#delayMs = delayMs
    this.#queueBytes = queueBytes
  }

  get queuedBytes() {
    return this.#queuedBytes
  }

  /** Called by a source that has data: puts slices into the queue while there is room. */
  offer(way) {
    const now = performance.now()
    while (!way.isEmpty && this.#waiting.length === 0 && this.#hasRoom) this.#take(way, now)
    if (!way.isEmpty) {
      way.hold()
      this.#waiting.push(way)
    }
    this.#arm(now)
  }

  forgetTheDead() {
    this.#queue.keep(({ way }) => !way.isDead)
    this.#flying.keep(({ way }) => !way.isDead)
    this.#waiting = this.#waiting.filter((way) => !way.isDead)
    this.#queuedBytes = this.#queue.sum(({ bytes }) => bytes)
    // What was being sent when it was forgotten does not hold up what comes next.
    this.#freeAt = Math.min(this.#freeAt, performance.now())
    this.#refill(performance.now())
    this.#arm(performance.now())
  }

  stop() {
    clearTimeout(this.#timer)
    this.#timerAt = Number.NEGATIVE_INFINITY
  }

  get #hasRoom() {
    return this.#queuedBytes < this.#queueBytes
  }

  #take(way, now) {
    const mostBytes = Math.min(MAX_SLICE_BYTES, Math.max(MIN_SLICE_BYTES, Math.round((this.rate * SLICE_MS) / 8_000)))
    const piece = way.next(mostBytes)
    const bytes = typeof piece === "string" ? 0 : piece.length
    this.#queuedBytes += bytes
    this.#queue.push({ way, piece, bytes, queuedAt: now, sentAt: undefined, dueAt: undefined })
  }

  #refill(now) {
    while (this.#hasRoom && this.#waiting.length > 0) {
      const way = this.#waiting.shift()
      if (!way.isEmpty) this.#take(way, now)
      if (way.isEmpty) way.release()
      else this.#waiting.push(way)
    }
  }

  /** Processes everything that is due by the clock, even if the timer was late. */
  #run() {
    const now = performance.now()
    for (let slice = this.#queue.first; slice !== undefined; slice = this.#queue.first) {
      if (this.#sentAt(slice) > now) break
      this.#queue.shift()
      this.#freeAt = slice.sentAt
      this.#queuedBytes -= slice.bytes
      this.carriedBytes += slice.bytes
      slice.dueAt = slice.sentAt + this.#delayMs
      this.#flying.push(slice)
    }
    this.#refill(now)
    this.#deliver(now)
    this.#arm(now)
  }

  #sentAt(slice) {
    slice.sentAt ??= Math.max(this.#freeAt, slice.queuedAt) + (slice.bytes * 8_000) / this.rate
    return slice.sentAt
  }

  #deliver(now) {
    const corked = new Set()
    for (let slice = this.#flying.first; slice !== undefined && slice.dueAt <= now; slice = this.#flying.first) {
      this.#flying.shift()
      const { piece, way } = slice
      const { to } = way
      if (to.destroyed || way.isDead) continue
      if (piece === "reset") to.resetAndDestroy()
      else if (piece === "end") to.end()
      else if (!to.writableEnded) {
        if (!corked.has(to)) to.cork()
        corked.add(to)
        to.write(piece)
      }
    }
    for (const to of corked) to.uncork()
  }

  #arm(now) {
    const { first } = this.#queue
    const sentAt = first === undefined ? Number.POSITIVE_INFINITY : this.#sentAt(first)
    const nextAt = Math.min(sentAt, this.#flying.first?.dueAt ?? Number.POSITIVE_INFINITY)
    if (nextAt >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = nextAt
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY
        this.#run()
      },
      Math.max(1, Math.ceil(nextAt - now)),
    )
  }
}

/** A queue whose `shift` takes constant time. */
class Fifo {
  #items = []
  #at = 0

  get first() {
    return this.#items[this.#at]
  }

  push(item) {
    this.#items.push(item)
  }

  shift() {
    this.#items[this.#at++] = undefined
    if (this.#at < 1_024 || this.#at * 2 < this.#items.length) return
    this.#items = this.#items.slice(this.#at)
    this.#at = 0
  }

  keep(test) {
    this.#items = this.#items.slice(this.#at).filter(test)
    this.#at = 0
  }

  sum(of) {
    return this.#items.slice(this.#at).reduce((sum, item) => sum + of(item), 0)
  }
}
