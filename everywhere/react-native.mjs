// @ts-check
// Imitates React Native 0.77 as a library sees it: a separate realm with the globals of its InitializeCore only. There
// is no crypto, TextEncoder, TextDecoder, btoa, EventSource, document or page event, and a response body is no stream.
// URL has no setters and most of its getters throw. WebSocket does not count buffered bytes.

import vm from "node:vm"
import { WebSocket } from "ws"

/** The members of URL that React Native before about 0.80 does not implement (Libraries/Blob/URL.js). */
const NOT_IMPLEMENTED = [
  "hash",
  "host",
  "hostname",
  "origin",
  "password",
  "pathname",
  "port",
  "protocol",
  "search",
  "username",
]

/** @returns {import("node:vm").Context} A realm whose `crypto` is the polyfill of react-native-get-random-values. */
export function createReactNative({ hasRandomValues = true } = {}) {
  class NativeURL {
    /** @param {string} url */
    constructor(url) {
      this.url = String(url)
      if (!this.url.endsWith("/") && !/[?#]/.test(this.url)) this.url += "/"
    }
    get href() {
      return this.url
    }
    toString() {
      return this.url
    }
  }
  for (const name of NOT_IMPLEMENTED) {
    const get = () => {
      throw new Error(`URL.${name} is not implemented`)
    }
    Object.defineProperty(NativeURL.prototype, name, { get })
  }
  /** @type {Record<string, unknown>} */
  const globals = {
    console,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    setImmediate,
    clearImmediate,
    queueMicrotask,
    performance: { now: () => performance.now() },
    navigator: { product: "ReactNative" },
    AbortController,
    AbortSignal,
    URL: NativeURL,
    fetch: nativeFetch,
    WebSocket: NativeWebSocket,
    ...(hasRandomValues && { crypto: { getRandomValues: crypto.getRandomValues.bind(crypto) } }),
  }
  for (const name of ["global", "self", "window"]) globals[name] = globals
  const context = vm.createContext(globals)
  // Node adds these to every realm, in addition to the globals of the language.
  vm.runInContext("delete globalThis.SharedArrayBuffer; delete globalThis.WebAssembly", context)
  return context
}

/**
 * On top of XMLHttpRequest: follows redirects, and gives an answer as a whole.
 *
 * @param {string} url
 * @param {RequestInit} init
 */
async function nativeFetch(url, { method = "GET", headers = {}, body = null, signal = null }) {
  const answer = await fetch(url, { method, headers, body, signal })
  const bytes = await answer.arrayBuffer()
  return {
    status: answer.status,
    ok: answer.ok,
    url: answer.url,
    headers: answer.headers,
    arrayBuffer: async () => bytes,
    text: async () => new TextDecoder().decode(bytes),
  }
}

/** Sends the host that it connects to as its Origin, as the native socket does. */
class NativeWebSocket {
  #socket
  /** @type {number | undefined} */
  bufferedAmount
  onopen = null
  onmessage = null
  onclose = null
  onerror = null

  /**
   * @param {string} url
   * @param {string[]} protocols
   */
  constructor(url, protocols) {
    this.#socket = new WebSocket(url, protocols, { origin: url.replace(/^ws(s?:\/\/[^/]+).*/, "http$1") })
    for (const name of ["open", "message", "close", "error"]) {
      this.#socket.addEventListener(/** @type {"open"} */ (name), (event) =>
        /** @type {any} */ (this)[`on${name}`]?.(event),
      )
    }
  }
  get binaryType() {
    return this.#socket.binaryType
  }
  set binaryType(type) {
    this.#socket.binaryType = type
  }
  /** @param {string | ArrayBufferView} data */
  send(data) {
    if (typeof data !== "string" && !ArrayBuffer.isView(data)) throw new Error("Unsupported data type")
    this.#socket.send(data)
  }
  /**
   * @param {number} [code]
   * @param {string} [reason]
   */
  close(code, reason) {
    this.#socket.close(code, reason)
  }
}
