import { createChannel } from "everwire"
import { useEffect, useState, useSyncExternalStore } from "react"

/** A channel for as long as the component is there; `undefined` until it is mounted, and so on a server. */
export function useChannel(url, options) {
  const [channel, setChannel] = useState()
  useEffect(() => {
    const created = createChannel(url, options)
    setChannel(created)
    return () => void created.close()
  }, [url, options])
  return channel
}

/** The status of a channel, as it changes. */
export function useStatus(channel) {
  return useSyncExternalStore(
    (changed) => channel?.onStatus(changed) ?? (() => {}),
    () => channel?.status ?? "connecting",
    () => "connecting",
  )
}
