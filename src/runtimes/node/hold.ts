import type { Http2Session } from "node:http2"
import { closing } from "../../wire/errors.ts"

/**
 * Something that a hub holds open on a server: an exchange without an answer, an upgraded socket or an HTTP/2 session.
 */
export interface Hold {
  /** The server is closing: ends the exchange, socket or session properly. */
  leave(): void
  /** It did not end in time: breaks the connection. */
  cut(): void
}

/** Why links end when their server is closing. Their sessions go on at the server that answers the next dial. */
export const SERVER_CLOSING = closing("hub-closing", "the server is closing")

/**
 * An HTTP/2 session that carried requests of a hub. A closing server of Node waits even for idle sessions, so this one
 * is closed. `close` of the session itself waits for requests of the application, so there is nothing to cut.
 */
export class SessionHold implements Hold {
  readonly #session: Http2Session

  constructor(session: Http2Session) {
    this.#session = session
  }

  leave(): void {
    this.#session.close()
  }

  cut(): void {}
}
