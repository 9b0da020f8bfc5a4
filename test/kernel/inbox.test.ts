import { describe, expect, it } from "vitest"
import { Inbox } from "../../src/kernel/inbox.ts"

describe("an inbox", () => {
  it("takes the next number for news and a repeated one not", () => {
    const inbox = new Inbox()
    expect([
      inbox.accept(1, 5),
      inbox.accept(2, 5),
      inbox.accept(1, 5),
      inbox.accept(2, 5),
      inbox.accept(3, 5),
    ]).toEqual([true, true, false, false, true])
    expect(inbox.heard).toBe(3)
  })

  it("refuses a gap, and is as before", () => {
    const inbox = new Inbox()
    inbox.accept(1, 5)
    expect(() => inbox.accept(3, 5)).toThrow(expect.objectContaining({ code: "protocol-error" }))
    expect([inbox.heard, inbox.owedPackets]).toEqual([1, 1])
    expect(inbox.accept(2, 5)).toBe(true)
  })

  it("owes an ack for what was repeated too: whoever repeats has not heard ours", () => {
    const inbox = new Inbox()
    inbox.accept(1, 5)
    inbox.settle()
    inbox.accept(1, 7)
    expect([inbox.owedPackets, inbox.owedBytes]).toEqual([1, 7])
  })

  it("owes nothing once an ack has gone out", () => {
    const inbox = new Inbox()
    inbox.accept(1, 5)
    inbox.settle()
    expect([inbox.owedPackets, inbox.owedBytes, inbox.heard]).toEqual([0, 0, 1])
  })
})
