/**
 * What an application declares once and both ends share: messages the channel sends (`up`), messages the hub sends
 * (`down`), and requests that either side may make, as functions from data to reply.
 *
 * @example
 * interface Chat {
 *   up: { chat: { text: string } }
 *   down: { chat: { from: string; text: string } }
 *   requests: { history(data: { before: number }): string[] }
 * }
 */
export interface Contract {
  up: object
  down: object
  requests: object
}

/** The contract of an application that declares none: any name, unknown data. */
export interface AnyContract {
  up: Record<string, unknown>
  down: Record<string, unknown>
  requests: Record<string, (data: unknown) => unknown>
}

/** Names of a map of messages. */
export type NameOf<Events extends object> = keyof Events & string

/** What a request of this name takes. */
export type DataOf<Request> = Request extends (data: infer Data) => unknown ? Data : unknown

/** What a request of this name is answered with. */
export type ReplyOf<Request> = Request extends (data: never) => infer Reply ? Awaited<Reply> : unknown
