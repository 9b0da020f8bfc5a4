import type { Http2Session } from "node:http2"
import { closing } from "../../wire/errors.ts"

/** What a hub holds open on a server: an exchange that is not answered yet, an upgraded socket, a session of HTTP/2. */
export interface Hold {
  /** The server is closing: ends it in good order. */
  leave(): void
  /** It did not end in time: breaks the connection. */
  cut(): void
}

/** Why links end whose server is closing. Their sessions go on, over whichever server answers next. */
export const SERVER_CLOSING = closing("hub-closing", "the server is closing")

/**
 * A session of HTTP/2 that carried requests of a hub. Node's servers wait for sessions that are idle; what the
 * application has on this one is waited for by the session itself.
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
