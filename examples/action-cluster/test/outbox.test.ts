/** What waits for one page is bounded, and says what it has lost. */
import { expect, test } from "vitest"
import { Outbox } from "../Outbox.ts"
import type { Told } from "../Talk.ts"

const position = { epoch: "e", sequence: 1 }
const said = (text: string): Told => ({
  _tag: "Said",
  room: "lobby",
  kind: "member",
  user: "maria",
  text,
  at: 0,
  isOwn: false,
  position
})
const told = (outbox: Outbox) => outbox.take().map((text) => JSON.parse(text) as Told)

test("the oldest words are dropped and counted; answers are not, and of who is there the last stands", () => {
  const outbox = new Outbox(() => {})
  outbox.offer({ _tag: "Done", room: "lobby", number: 1 })
  for (const more of [1, 2, 3]) outbox.offer({ _tag: "People", room: "lobby", users: [], more })
  for (let i = 0; i < 100; i++) outbox.offer(said(`${i}`))
  const all = told(outbox)
  expect(all[0]).toMatchObject({ _tag: "Gap", missed: 36 })
  expect(all[1]).toMatchObject({ _tag: "Done" })
  expect(all.filter(({ _tag }) => _tag === "People")).toEqual([{ _tag: "People", room: "lobby", users: [], more: 3 }])
  expect(all.at(3)).toMatchObject({ text: "36" })
  expect(all).toHaveLength(67)
  expect([outbox.isEmpty, told(outbox)]).toEqual([true, []])
})

test("a frame holds some letters and no more, and always something", () => {
  const outbox = new Outbox(() => {})
  for (let i = 0; i < 3; i++) outbox.offer(said("x".repeat(10_000)))
  expect([told(outbox).length, told(outbox).length, told(outbox).length, told(outbox).length]).toEqual([1, 1, 1, 0])
})

test("who asks and asks and reads nothing makes it overfull", () => {
  const outbox = new Outbox(() => {})
  for (let i = 0; i < 256; i++) outbox.offer({ _tag: "Done", room: "lobby", number: i })
  expect(outbox.isOverfull).toBe(false)
  outbox.offer({ _tag: "Done", room: "lobby", number: 256 })
  expect(outbox.isOverfull).toBe(true)
})
