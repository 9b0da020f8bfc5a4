import { describe, expect, it } from "vitest"
import { SiteNames } from "../../src/server/admission/site-names.ts"

describe("the name by which an address is counted", () => {
  it("is the address itself for IPv4, however it is written, and the /64 network for IPv6", () => {
    const names = new SiteNames(false)
    expect(names.of("203.0.113.7")).toBe("203.0.113.7")
    expect(names.of("::ffff:203.0.113.7")).toBe("203.0.113.7")
    expect(names.of("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::")
    expect(names.of("2001:DB8:1:2:ffff::")).toBe("2001:db8:1:2::")
  })

  it("is empty for private addresses, unless they are counted", () => {
    const names = new SiteNames(false)
    const strict = new SiteNames(true)
    for (const address of ["127.0.0.1", "10.1.2.3", "fe80::1%eth0", "::1"]) {
      expect(names.of(address)).toBe("")
      expect(strict.of(address)).not.toBe("")
    }
    expect(strict.of("")).toBe("")
  })

  it("stays the same when it is asked for again, and after very many other addresses", () => {
    const names = new SiteNames(false)
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 10_000; n++) {
        const address = `198.51.${n >> 8}.${n & 255}`
        expect(names.of(address)).toBe(address)
        expect(names.textOf(address)).toBe(address)
      }
    }
  })

  it("is the text itself where that is no address", () => {
    expect(new SiteNames(false).of("a unix socket")).toBe("a unix socket")
  })
})
