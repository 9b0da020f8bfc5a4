// @ts-check
// Faults to plant, one at a time. Each says what a careless change might do; each must be found by a test.

/**
 * @typedef {object} Fault
 * @property {string} id
 * @property {string} file
 * @property {string} find Exactly once in the file.
 * @property {string} plant
 */

/** @type {readonly Fault[]} */
export const faults = [
  {
    id: "an ack tells one more than was heard",
    file: "src/kernel/session.ts",
    find: "this.#lead(`a${this.#inbox.heard}`)\n",
    plant: "this.#lead(`a${this.#inbox.heard + 1}`)\n",
  },
  {
    id: "duplicates are delivered",
    file: "src/kernel/inbox.ts",
    find: "if (number <= this.heard) return false",
    plant: "if (number <= this.heard) return true",
  },
  {
    id: "gaps are let pass",
    file: "src/kernel/inbox.ts",
    find: "if (number > this.heard + 1) throw",
    plant: "if (number > this.heard + 1e9) throw",
  },
  {
    id: "a replay starts one late",
    file: "src/kernel/session.ts",
    find: "const cursor = Math.max(sent, this.#outbox.acked)",
    plant: "const cursor = Math.min(this.#outbox.said, Math.max(sent, this.#outbox.acked) + 1)",
  },
  {
    id: "a replay starts at the end",
    file: "src/kernel/session.ts",
    find: "const cursor = Math.max(sent, this.#outbox.acked)",
    plant: "const cursor = this.#outbox.said",
  },
  {
    id: "a position is off by one",
    file: "src/kernel/session.ts",
    find: "undefined : `n${this.#outbox.cursor + 1}`",
    plant: "undefined : `n${this.#outbox.cursor}`",
  },
  {
    id: "late batches of an old link are heard",
    file: "src/kernel/session.ts",
    find: "if (current?.link !== link) return",
    plant: "if (!current) return",
  },
  {
    id: "a lost link is believed alive",
    file: "src/kernel/session.ts",
    find: "  linkLost(link: Link): void {\n    if (this.link !== link) return",
    plant: "  linkLost(link: Link): void {\n    if (this.link === link) return",
  },
  {
    id: "the alarm is left when the link goes",
    file: "src/kernel/watch.ts",
    find: "    this.#watching = false\n    this.probedAt = NEVER\n    this.#clockwork.clear(this)",
    plant: "    this.#watching = false\n    this.probedAt = NEVER",
  },
  {
    id: "acks forget one packet too many",
    file: "src/kernel/outbox.ts",
    find: "while (this.acked < number) {",
    plant: "while (this.acked < Math.min(number + 1, this.said)) {",
  },
  {
    id: "a replay says the packets of another run",
    file: "src/kernel/outbox.ts",
    find: "    this.#current = this.#first\n",
    plant: "",
  },
  {
    id: "a broadcast in the midst of another takes its place",
    file: "src/server/hub.ts",
    find: "entry.tell(packet, list, place)",
    plant: "entry.tell(packet, list)",
  },
  {
    id: "an ack beside the link counts as the link's word",
    file: "src/kernel/session.ts",
    find: "      this.#ackedBeside = heard\n",
    plant: "      this.#watch.progressed(this.#outbox.said > heard)\n",
  },
  {
    id: "peers are sent what was joined for another",
    file: "src/kernel/outbox.ts",
    find: "packets.some((packet, index) => packet !== lastPackets[index])",
    plant: "packets[0] !== lastPackets[0]",
  },
  {
    id: "the outbox has no bound",
    file: "src/kernel/session.ts",
    find: "if (bytes > 0 && bytes + sizeOf(packet) > (",
    plant: "if (bytes > 1e12 && bytes + sizeOf(packet) > (",
  },
  {
    id: "probes are not answered",
    file: "src/kernel/session.ts",
    find: 'if (kind === "p") this.#answerProbe(link, packet.slice(1))',
    plant: 'if (kind === "p") void link',
  },
  {
    id: "nobody ever probes",
    file: "src/kernel/pulse.ts",
    find: "if (s.prober) {",
    plant: "if (s.prober && m.doubts > 1e9) {",
  },
  {
    id: "an ack ahead of the cursor is not heeded",
    file: "src/kernel/session.ts",
    find: "this.#outbox.cursor < heard) this.#current.positioned = false",
    plant: "this.#outbox.cursor < heard - 1e9) this.#current.positioned = false",
  },
  {
    id: "stale turns are obeyed",
    file: "src/server/entry.ts",
    find: "if (turn > this.turn) this.attach(link, heard, turn)",
    plant: "this.attach(link, heard, turn)",
  },
  {
    id: "stale hellos are obeyed",
    file: "src/server/admission.ts",
    find: "const attached = hello.turn > entry.turn",
    plant: "const attached = hello.turn > 0",
  },
  {
    id: "any hub begins a session that another one has",
    file: "src/server/admission.ts",
    find: "if (hello.hub !== undefined && hello.hub !== this.#host.hub) {",
    plant: "if (hello.hub === 'none') {",
  },
  {
    id: "a forgotten session is begun again from zero",
    file: "src/server/admission.ts",
    find: "hello.turn === 0 || hello.hub !== undefined",
    plant: "hello.turn === 0",
  },
  {
    id: "keys are not compared",
    file: "src/server/admission.ts",
    find: "!sameKey(known.key, hello.key)",
    plant: "known.key === undefined",
  },
  {
    id: "principals are not compared",
    file: "src/server/admission.ts",
    find: "known.principal.id !== principal.id",
    plant: "known.principal.id === undefined",
  },
  {
    id: "the resume window never closes",
    file: "src/server/entry.ts",
    find: "clockwork.set(this, clockwork.now() + this.#host.windowMs(this))",
    plant: "clockwork.set(this, clockwork.now() + this.#host.windowMs(this) + 1e9)",
  },
  {
    id: "spare links are kept for ever",
    file: "src/server/entry.ts",
    find: "const cancel = this.#host.runtime.after(SPARE_LINK_MS, () => {",
    plant: "const cancel = this.#host.runtime.after(SPARE_LINK_MS * 1e6, () => {",
  },
  {
    id: "a poll's answer is not kept",
    file: "src/transports/http/mailbox.ts",
    find: "if (poll === this.#poll && this.#answer !== undefined) return this.#respond(exchange, this.#answer)",
    plant:
      "if (poll === this.#poll && this.#answer !== undefined) return this.#respond(exchange, { ...this.#answer, batches: [] })",
  },
  {
    id: "a repeated upload is heard twice",
    file: "src/transports/http/mailbox.ts",
    find: "if (up === this.#up + 1) {",
    plant: "if (up === this.#up + 1 || up === this.#up) {",
  },
  {
    id: "the sink of a closed link is called",
    file: "src/client/attempt.ts",
    find: "if (!this.over) this.#host.closed(this, closing)",
    plant: "this.#host.closed(this, closing)",
  },
  {
    id: "nothing starts before the rung above has failed",
    file: "src/client/ladder.ts",
    find: "return last.startedAt + (started === 1",
    plant: "return 1e15 + last.startedAt + (started === 1",
  },
  {
    id: "a doubted link is not replaced",
    file: "src/client/connector.ts",
    find: '    healthy.doubted = true\n    this.#attempts.note(healthy, "doubted")\n    this.#ask()',
    plant: '    healthy.doubted = true\n    this.#attempts.note(healthy, "doubted")',
  },
  {
    id: "better rungs are never tried again",
    file: "src/client/connector.ts",
    find: "if (current.rank > 0) this.#alarm(this.#nextReprobeMs(), () => this.#ask())",
    plant: "if (current.rank > 1e9) this.#alarm(this.#nextReprobeMs(), () => this.#ask())",
  },
  {
    id: "a stream is trusted at once",
    file: "src/client/attempt.ts",
    find: "this.proved = !dialer.streamed",
    plant: "this.proved = true",
  },
  {
    id: "a newcomer takes over on its welcome",
    file: "src/client/connector.ts",
    find: "(turn && !flaps && isBetter)",
    plant: "(!flaps && rank < healthy.rank)",
  },
  {
    id: "flapping is forgotten",
    file: "src/client/standing.ts",
    find: "this.#strikes.set(name, this.strikes(name) + 1)",
    plant: "this.#strikes.set(name, 0)",
  },
  {
    id: "messages of a reset are not reported",
    file: "src/client/channel.ts",
    find: "const messages = unacknowledged.slice(0, certain)",
    plant: "const messages = unacknowledged.slice(0, 0)",
  },
  {
    id: "a server that is away is taken for broken transports",
    file: "src/client/connector.ts",
    find: "    this.#dropAll(this.lastClosing)\n    // Added",
    plant:
      "    for (const { name } of this.#host.dialers) this.#host.standing.condemn(name, this.#host.runtime.now())\n    this.#dropAll(this.lastClosing)\n    // Added",
  },
  {
    id: "a session that has ended is begun again",
    file: "src/server/registry.ts",
    find: "    this.#ended.set(id, ended)\n",
    plant: "",
  },
  {
    id: "a wire that goes mute behind its welcome is no strike",
    file: "src/client/connector.ts",
    find: "(doubted ? heardAt : now) - welcomedAt",
    plant: "now - welcomedAt",
  },
  {
    id: "what was sent counts as never sent",
    file: "src/kernel/session.ts",
    find: "if (sent > this.#everSent) this.#everSent = sent",
    plant: "if (sent > 1e9) this.#everSent = sent",
  },
  {
    id: "the cursor is not rewound for a new link",
    file: "src/kernel/session.ts",
    find: "const cursor = Math.max(sent, this.#outbox.acked)",
    plant: "const cursor = Math.max(sent, this.#everSent)",
  },
  {
    id: "an ack is owed and never goes",
    file: "src/kernel/session.ts",
    find: "    } else this.#watch.owes()",
    plant: "    }",
  },
  {
    id: "a peer counts one too few as undelivered",
    file: "src/server/entry.ts",
    find: 'kindOf(packet) === "m").length',
    plant: 'kindOf(packet) === "m").slice(1).length',
  },
  {
    id: "a time-out is left when the answer has come",
    file: "src/kernel/dispatch.ts",
    find: "        cancelTimeout?.()\n",
    plant: "",
  },
  {
    id: "a hello in the handshake is not heard",
    file: "src/transports/websocket/acceptor.ts",
    find: "        if (first !== undefined) link.message(first)\n",
    plant: "",
  },
  {
    id: "what went with the handshake goes behind it too",
    file: "src/transports/websocket/dialer.ts",
    find: "      if (offer.length > 0) waiting.shift()\n",
    plant: "",
  },
  {
    id: "the first of many packets is taken for one alone",
    file: "src/kernel/codec.ts",
    find: "if (first.byteOffset === 4 && first.buffer.byteLength === 4 + first.length) return",
    plant: "if (first.byteOffset === 4) return",
  },
]
