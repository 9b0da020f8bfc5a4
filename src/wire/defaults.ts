/** The numbers that make the behaviour, with their reasons; what concerns one file alone stands there. Times end in `Ms`, sizes in `Bytes`. */

/** The version of the protocol that `docs/protocol.md` describes. */
export const PROTOCOL_VERSION = 1

/** A payload, encoded. Large enough for documents, small enough that nobody keeps a server busy with one. */
export const MAX_PAYLOAD_BYTES = 1_048_576
/** How much of a batch is filled before the next begins; a single larger packet goes alone, even of an ack. */
export const BATCH_BYTES = 65_536
/** What a packet's header may add to its payload: kind, request id, name. */
export const MAX_HEADER_BYTES = 2_048
/** A name of a message or a request. */
export const MAX_NAME_LENGTH = 128
/** The first batch of a link, credentials and riding messages together. */
export const MAX_HELLO_BYTES = 16_384
/** How much of the outbox may ride with a hello; the rest of the 16 KiB is for credentials. */
export const RIDE_BYTES = 8_192
/** How much has to wait in a session before the speed of its link is measured. */
export const PACE_BYTES = 4_096
/** And how large a batch is until then. */
export const FIRST_BATCH_BYTES = 16_384
/** While nothing is known of how fast a link is: `send` answers `false` above this. */
export const HIGH_WATER_BYTES = 4_096
/** What may be handed to a link of unknown speed before the other side has acknowledged anything. */
export const WINDOW_BYTES = 16_384
/** Above this nothing more is taken: the channel's `send` throws, the hub's peer is closed. */
export const MAX_OUTBOX_BYTES = 16_777_216
/** What a packet costs in an outbox beside its payload. */
export const PACKET_OVERHEAD_BYTES = 64
/** A session hands its link no more while the link itself still holds this much. */
export const LINK_BUFFER_BYTES = 262_144

/** Each end speaks at least so often: under the 25 to 30 s after which common proxies cut. */
export const HEARTBEAT_MS = 20_000
/**
 * The part of it after which one side, the first, speaks on an idle link and asks for an answer, which is the other side's
 * beat. It is the hub's, whose beats to many peers go out in one sweep, so that their answers come in together; over HTTP,
 * where an answer that goes up is an exchange, it is the channel's.
 */
export const FIRST_BEAT = 0.9
/** Each end may hang up after so long a silence: one missed beat and a half. */
export const HEARTBEAT_TIMEOUT_MS = 30_000
/** The shortest pulse that is learned or granted: proxies that cut at 5 s exist. */
export const HEARTBEAT_FLOOR_MS = 4_000
/** What was said and is unacknowledged for so long makes the channel probe. */
export const UNACKNOWLEDGED_MS = 2_000
/** A probe unanswered for so long (or 4 round trips) makes the channel dial again. */
export const PROBE_MS = 400
/** The limit of a probe sent because the page or the network came back. */
export const NUDGE_MS = 2_000

/** Over HTTP, where an ack that goes alone is an exchange, so many times as many packets and bytes are waited for. */
export const EXCHANGE_ACKS = 4

/** A hub waits so long for the hello of an open link. */
export const HELLO_DEADLINE_MS = 5_000
/** So much more of a request body must come in each of these, or the rest of it. */
export const BODY_DEADLINE_MS = 15_000
/** See above. Far less than the slowest link carries, and a client that holds bodies open on purpose has to feed them. */
export const BODY_PROGRESS_BYTES = 1_024
/** What was written to a client must be taken: so much of it, or all, in each of these. See `docs/decisions/0031`. */
export const TAKE_DEADLINE_MS = 45_000
/** See above. The slowest link takes far more, and who reads by the byte has to read all the time. */
export const TAKE_PROGRESS_BYTES = 1_024
/** A hub keeps a session so long without a link. */
export const RESUME_WINDOW_MS = 120_000
/** The same for a session that never carried a message: handshakes alone must not hold memory. */
export const UNUSED_WINDOW_MS = 5_000
/** A link that lost a race, or only probed, is closed after so long without a take. */
export const SPARE_LINK_MS = 15_000
/** Sessions of one hub. */
export const MAX_SESSIONS = 100_000
/** Sessions of one address. Generous, because offices share an address. */
export const MAX_SESSIONS_PER_ADDRESS = 1_000
/** Links that have not been welcomed yet, of one hub. */
export const MAX_UNWELCOMED_LINKS = 10_000
/** The same of one address, which so cannot take all of these places. */
export const MAX_UNWELCOMED_LINKS_PER_ADDRESS = 500
/** Bytes that a hub keeps for all sessions together: a quarter of a heap of 512 MB. */
export const MAX_KEPT_BYTES = 134_217_728
/** Links of one session that are welcomed and not current. A channel that dials again and again has a few at once. */
export const MAX_SPARE_LINKS = 8

/** A rung has so long to be welcomed. */
export const DIAL_DEADLINE_MS = 10_000
/** A channel over HTTP whose hello was answered comes again within this, or its dial is over before it could. */
export const UNREACHED_MS = 8_000
/** When every rung was started and none has answered for so long (or 4 round trips), the best one is dialed once more. */
export const HEDGE_MS = 2_000
/** Where the link that carried the talk fell silent, so often, each after as long as a probe may take. */
export const SILENT_HEDGES = 3
/**
 * The same where a link that was well has broken: its server is away, or comes back and is busy with all of its channels.
 * For so long after that, a climb is over when the rung that was well meets nobody.
 */
export const PATIENT_MS = 2_000
/**
 * A closing channel waits so long until the hub has heard its bye on the link, and once more so long for one beside it. A
 * server that is overloaded for a moment is asked again meanwhile.
 */
export const GOODBYE_MS = 1_500
/** What a channel that left has said may be on its way on a link: the hub waits so long for it. */
export const LEAVE_MS = 1_000
/** A poll that its client has left, and an SSE ticket, is waited for so long before the hub takes the link for lost. */
export const LEFT_POLL_MS = 5_000
/**
 * An alarm that rings so much later than it was set for shows that this side was held up (a frozen process, a throttled
 * tab): what has come meanwhile is heard before anything is concluded from silence.
 */
export const LATE_MS = 1_000
/** A link that lived shorter than this is a strike against its rung. */
export const FLAP_MS = 2_000
/** So many strikes in a row demote a rung. */
export const STRIKES = 2
/** A transport that failed here while another worked is remembered as broken for so long. */
export const VERDICT_MS = 600_000
/** Back-off when every rung failed: full jitter below base × 2^n. */
export const BACKOFF_BASE_MS = 500
export const BACKOFF_CEILING_MS = 20_000
/** Behind a captive portal the ceiling, and how long a rung has to be welcomed: people who sign in are waiting for it. */
export const PORTAL_MS = 2_000
/** No server is believed that asks for more. */
export const RETRY_AFTER_CEILING_MS = 600_000
/** A session is not given up before so many hubs (behind a balancer without stickiness) said they do not know it. */
export const UNKNOWN_RETRIES = 3

/** A long-poll is held so long, and the hub answers before common proxies cut at 30 s. */
export const HOLD_MS = 25_000
/** A short-poll's interval adapts between these. */
export const POLL_FLOOR_MS = 250
export const POLL_CEILING_MS = 5_000
/** An answer to a poll that brought so much is followed by two polls at once: there is more where it came from. */
export const POLL_AGAIN_BYTES = 2_048
/** Uploads of one link, and polls, that may be in flight at once, so that a long round trip leaves neither way a pause. */
export const EXCHANGES_AT_ONCE = 3
/**
 * An exchange fails when nothing of it has moved for so long: its answer has not begun, a held one's so long after its
 * hold, or goes on no more. An upload has a millisecond more for each byte of its body.
 */
export const EXCHANGE_DEADLINE_MS = 15_000

/** A request waits so long for its response. */
export const REQUEST_TIMEOUT_MS = 10_000

// Behind the numbers, because esbuild puts into their places only those that stand before anything else.

/** Hub to channel: prompt, because the channel judges its link by acks. */
export const HUB_ACK = { ackMs: 250, ackPackets: 256, ackBytes: 65_536, prober: false } as const
/** Channel to hub: lazy, because a hub has many peers. */
export const CHANNEL_ACK = { ackMs: 5_000, ackPackets: 256, ackBytes: 65_536, prober: true } as const
/** How long after the rung above it each rung starts, when nothing failed: 0, 300 ms, 1.2 s, 2.5 s from the beginning. */
export const STAGGER_MS: readonly number[] = [300, 900, 1_300]
/** Better rungs are tried again so long after a worse one took over. The first is soon, because a deploy looks like a
 *  broken transport to whoever dialed in the middle of it. */
export const REPROBE_MS: readonly number[] = [3_000, 30_000, 120_000, 600_000]
/** An exchange that failed is repeated after these before the link is given up. */
export const EXCHANGE_RETRY_MS: readonly number[] = [50, 400, 1_000]
