/**
 * The figures of the protocol that several rooms share, with their reasons. A figure of one room stands in the file that
 * owns it. `docs/protocol.md` lists all. Times end in `Ms`, sizes in `Bytes`.
 */

/** The version of the protocol that `docs/protocol.md` describes. */
export const PROTOCOL_VERSION = 1

/**
 * Largest encoded payload. Large enough for documents, and small enough that one payload does not keep a server busy.
 */
export const MAX_PAYLOAD_BYTES = 1_048_576
/** A batch that holds this much gets no further packet. A larger packet goes in a batch alone. */
export const BATCH_BYTES = 65_536
/** Most that the header of a packet may add to its payload: kind, request id and name. */
export const MAX_HEADER_BYTES = 2_048
/** Longest name of a message or a request, in UTF-16 units. */
export const MAX_NAME_LENGTH = 128
/** Largest first batch of a link: the hello with its credentials, and the packets that are sent with it. */
export const MAX_HELLO_BYTES = 16_384
/** Most that an outbox holds. Above it the channel's `send` throws, and the hub closes the peer. */
export const MAX_OUTBOX_BYTES = 16_777_216
/** What a packet costs in an outbox in addition to its payload. */
export const PACKET_OVERHEAD_BYTES = 64
/** A session hands its link nothing more while the link itself still buffers this much. */
export const LINK_BUFFER_BYTES = 262_144

/** Each end sends at least this often. Common proxies cut a connection after 25 to 30 s of silence. */
export const HEARTBEAT_MS = 20_000
/** Each end may close the link after this much silence: one and a half missed beats. */
export const HEARTBEAT_TIMEOUT_MS = 30_000
/** The shortest time between heartbeats that a channel learns or a hub grants. Some proxies cut after 5 s. */
export const HEARTBEAT_FLOOR_MS = 4_000
/** If a packet is not acknowledged after this time, the channel sends a probe. */
export const UNACKNOWLEDGED_MS = 2_000
/** If a probe is not answered after this time (or 4 round trips), the channel dials again. */
export const PROBE_MS = 400

/** In each of these intervals `BODY_PROGRESS_BYTES` more of a request body must arrive, or the rest of it. */
export const BODY_DEADLINE_MS = 15_000
/** Far less than the slowest link carries. A client that holds bodies open on purpose has to send all the time. */
export const BODY_PROGRESS_BYTES = 1_024
/**
 * In each of these intervals the client must take `TAKE_PROGRESS_BYTES` of what was sent, or all of it. See
 * `docs/decisions/0031`.
 */
export const TAKE_DEADLINE_MS = 45_000

/** How long a dial may take until its welcome. */
export const DIAL_DEADLINE_MS = 10_000
/**
 * A channel whose hello was answered over HTTP sends its next request, or opens its stream, within this time. Otherwise
 * it has left, or its dial has ended.
 */
export const UNREACHED_MS = 8_000
/**
 * How long a channel that closes waits until the hub has received the bye on the link. After that it waits as long
 * again for a bye in a request without a link, which it repeats, because the server may be overloaded for a moment.
 */
export const GOODBYE_MS = 1_500
/**
 * If an alarm rings this much later than it was set for, this process was frozen or its tab throttled. Then input that
 * has arrived meanwhile is processed before anything is concluded from silence.
 */
export const LATE_MS = 1_000
/** How long a transport counts as broken after it failed while another one worked. */
export const VERDICT_MS = 600_000

/** How long the hub leaves a long-poll unanswered. Common proxies cut after 30 s. */
export const HOLD_MS = 25_000
export const POLL_CEILING_MS = 5_000
/**
 * After the answer to a poll brought at least this much, two polls follow at once, because more is probably waiting.
 */
export const POLL_AGAIN_BYTES = 2_048
/** Most uploads of one link, and most polls, that are in flight at once, so that a long round trip causes no pauses. */
export const EXCHANGES_AT_ONCE = 3
