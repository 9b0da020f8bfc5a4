/**
 * The figures of the protocol, with their reasons. A figure that one file alone uses stands in that file. Times end in
 * `Ms`, sizes in `Bytes`.
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
/** Most of the outbox that is sent together with a hello. The rest of the 16 KiB is for credentials. */
export const RIDE_BYTES = 8_192
/** When more than this waits in a session, it begins to measure the speed of its link. */
export const PACE_BYTES = 4_096
/** Size of batches and parts before that. */
export const FIRST_BATCH_BYTES = 16_384
/** While the speed of the link is unknown, `send` answers `false` if more than this waits. */
export const HIGH_WATER_BYTES = 4_096
/** Most that is handed to a link of unknown speed before the other side has acknowledged anything. */
export const WINDOW_BYTES = 16_384
/** Most that an outbox holds. Above it the channel's `send` throws, and the hub closes the peer. */
export const MAX_OUTBOX_BYTES = 16_777_216
/** What a packet costs in an outbox in addition to its payload. */
export const PACKET_OVERHEAD_BYTES = 64
/** A session hands its link nothing more while the link itself still buffers this much. */
export const LINK_BUFFER_BYTES = 262_144

/** Each end sends at least this often. Common proxies cut a connection after 25 to 30 s of silence. */
export const HEARTBEAT_MS = 20_000
/**
 * After this fraction of `HEARTBEAT_MS` on an idle link, one end sends first and asks for an answer, which is the other
 * end's beat. The first end is the hub, because it sends its beats to many peers in one sweep, so that the answers come
 * in together. Over HTTP it is the channel, because there an answer from the channel would cost an exchange.
 */
export const FIRST_BEAT = 0.9
/** Each end may close the link after this much silence: one and a half missed beats. */
export const HEARTBEAT_TIMEOUT_MS = 30_000
/** The shortest time between heartbeats that a channel learns or a hub grants. Some proxies cut after 5 s. */
export const HEARTBEAT_FLOOR_MS = 4_000
/** If a packet is not acknowledged after this time, the channel sends a probe. */
export const UNACKNOWLEDGED_MS = 2_000
/** If a probe is not answered after this time (or 4 round trips), the channel dials again. */
export const PROBE_MS = 400
/** Time limit of a probe that is sent because the page or the network came back. */
export const NUDGE_MS = 2_000

/** Over HTTP, where a separate ack costs an exchange, an ack waits for this many times as many packets and bytes. */
export const EXCHANGE_ACKS = 4

/** How long a hub waits for the hello of an open link. */
export const HELLO_DEADLINE_MS = 5_000
/** In each of these intervals `BODY_PROGRESS_BYTES` more of a request body must arrive, or the rest of it. */
export const BODY_DEADLINE_MS = 15_000
/** Far less than the slowest link carries. A client that holds bodies open on purpose has to send all the time. */
export const BODY_PROGRESS_BYTES = 1_024
/**
 * In each of these intervals the client must take `TAKE_PROGRESS_BYTES` of what was sent, or all of it. See
 * `docs/decisions/0031`.
 */
export const TAKE_DEADLINE_MS = 45_000
/** The slowest link takes far more. A client that reads slowly on purpose has to read all the time. */
export const TAKE_PROGRESS_BYTES = 1_024
/** How long a hub keeps a session without a link. */
export const RESUME_WINDOW_MS = 120_000
/** How long it keeps a session that never carried a message. Short, because handshakes alone must not fill memory. */
export const UNUSED_WINDOW_MS = 5_000
/**
 * How long the hub keeps a welcomed link that is not current, because it lost a race or only probed, without a take.
 */
export const SPARE_LINK_MS = 15_000
/** Most sessions of one hub. */
export const MAX_SESSIONS = 100_000
/** Most sessions of one address. Generous, because all people of an office may share one address. */
export const MAX_SESSIONS_PER_ADDRESS = 1_000
/** Most links of one hub that are not welcomed yet. */
export const MAX_UNWELCOMED_LINKS = 10_000
/** Most of those from one address, so that one address cannot occupy all of them. */
export const MAX_UNWELCOMED_LINKS_PER_ADDRESS = 500
/** Most bytes that a hub keeps for all sessions together: a quarter of a heap of 512 MB. */
export const MAX_KEPT_BYTES = 134_217_728
/** Most welcomed links of one session that are not current. A channel that dials again and again has a few at once. */
export const MAX_SPARE_LINKS = 8

/** How long a dial may take until its welcome. */
export const DIAL_DEADLINE_MS = 10_000
/**
 * A channel whose hello was answered over HTTP sends its next request, or opens its stream, within this time. Otherwise
 * it has left, or its dial has ended.
 */
export const UNREACHED_MS = 8_000
/**
 * If all rungs were dialed and none has answered for this time (or 4 round trips), the best one is dialed once more.
 */
export const HEDGE_MS = 2_000
/**
 * If the current link fell silent, the best rung is dialed again up to this many times, each after the time limit of a
 * probe.
 */
export const SILENT_HEDGES = 3
/**
 * Replaces the gaps between rungs, and `HEDGE_MS`, in the climb after a healthy link broke. Then the server is probably
 * away, or has restarted and is busy with all of its channels, so other rungs would not help.
 */
export const PATIENT_MS = 2_000
/**
 * How long a channel that closes waits until the hub has received the bye on the link. After that it waits as long
 * again for a bye in a request without a link, which it repeats, because the server may be overloaded for a moment.
 */
export const GOODBYE_MS = 1_500
/**
 * How long the hub waits, after a bye without a link, for packets of that channel which may still be on their way on a
 * link.
 */
export const LEAVE_MS = 1_000
/** How long the hub waits for another poll after a client has abandoned one, before it counts the link as lost. */
export const LEFT_POLL_MS = 5_000
/**
 * If an alarm rings this much later than it was set for, this process was frozen or its tab throttled. Then input that
 * has arrived meanwhile is processed before anything is concluded from silence.
 */
export const LATE_MS = 1_000
/** If a link lived for less than this, that is a strike against its rung. */
export const FLAP_MS = 2_000
/** After this many strikes in a row a rung is demoted. */
export const STRIKES = 2
/** How long a transport counts as broken after it failed while another one worked. */
export const VERDICT_MS = 600_000
/** The back-off after a climb in which all rungs failed: full jitter below base × 2^n, at most the ceiling. */
export const BACKOFF_BASE_MS = 500
export const BACKOFF_CEILING_MS = 20_000
/**
 * Behind a captive portal: the ceiling of the back-off and the time limit of a dial. Short, because people who have
 * signed in wait for the connection.
 */
export const PORTAL_MS = 2_000
/** Longest wait that a server may ask for. A longer one is shortened to this. */
export const RETRY_AFTER_CEILING_MS = 600_000
/** How many more hubs (behind a balancer without sticky sessions) a channel asks after one did not know its session. */
export const UNKNOWN_RETRIES = 3

/** How long the hub leaves a long-poll unanswered. Common proxies cut after 30 s. */
export const HOLD_MS = 25_000
/** The interval between short-polls adapts between these two. */
export const POLL_FLOOR_MS = 250
export const POLL_CEILING_MS = 5_000
/**
 * After the answer to a poll brought at least this much, two polls follow at once, because more is probably waiting.
 */
export const POLL_AGAIN_BYTES = 2_048
/** Most uploads of one link, and most polls, that are in flight at once, so that a long round trip causes no pauses. */
export const EXCHANGES_AT_ONCE = 3
/**
 * An exchange fails if it makes no progress for this time: its answer does not begin, or does not continue. For a poll
 * that the hub may leave unanswered, the time begins after its hold. An upload gets one more millisecond for each byte
 * of its body.
 */
export const EXCHANGE_DEADLINE_MS = 15_000

/** How long a request waits for its response by default. */
export const REQUEST_TIMEOUT_MS = 10_000
/** Items of a stream that may be sent before the first grant of credit. The side that asks grants half of it at a time. */
export const STREAM_CREDIT = 16

// These stand after the numbers, because esbuild inlines only constants that stand before everything else.

/** When the hub acknowledges what a channel sends: promptly, because the channel judges its link by acks. */
export const HUB_ACK = { ackMs: 250, ackPackets: 256, ackBytes: 65_536, prober: false } as const
/** When a channel acknowledges what the hub sends: late, because a hub has many peers. */
export const CHANNEL_ACK = { ackMs: 5_000, ackPackets: 256, ackBytes: 65_536, prober: true } as const
/**
 * If nothing failed, how long after the rung above it each rung is dialed: 0, 300 ms, 1.2 s, 2.5 s from the beginning.
 */
export const STAGGER_MS: readonly number[] = [300, 900, 1_300]
/**
 * How long after a worse rung took over the better ones are tried again. The first time is soon, because to a channel
 * that dials in the middle of a deploy the transport looks broken.
 */
export const REPROBE_MS: readonly number[] = [3_000, 30_000, 120_000, 600_000]
/** Waits before an exchange that failed is repeated. After the last one fails, the link is given up. */
export const EXCHANGE_RETRY_MS: readonly number[] = [50, 400, 1_000]
