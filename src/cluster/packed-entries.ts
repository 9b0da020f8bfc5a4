/** Entries one after another, each with its length in four bytes, the highest first. */
export function packEntries(entries: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(entries.reduce((sum, { length }) => sum + 4 + length, 0))
  const view = new DataView(packed.buffer)
  let at = 0
  for (const entry of entries) {
    view.setUint32(at, entry.length)
    packed.set(entry, at + 4)
    at += 4 + entry.length
  }
  return packed
}

export function unpackEntries(packed: Uint8Array): Uint8Array[] {
  const { buffer, byteOffset, length } = packed
  const view = new DataView(buffer, byteOffset, length)
  const entries: Uint8Array[] = []
  for (let at = 0; at < length; ) {
    const end = at + 4 + view.getUint32(at)
    entries.push(packed.subarray(at + 4, end))
    at = end
  }
  return entries
}
