/**
 * What waits to be told to one page. It is bounded: of what happens the oldest is dropped, and a gap says how much; of what
 * is only ever the present (who is there) the last one stands.
 */
import type { RoomName, Told } from "./Talk.ts"

/** Things that wait, and the letters of one frame: about as much as a page can be behind, and as it is told at once. */
const limits = { waiting: 64, letters: 16_384 }
/** Of answers, too, there are no more: who asks and asks and reads nothing is hung up on. */
const mostItems = 256

/** Happenings are what may be dropped. */
const isHappening = ({ _tag }: Told): boolean => _tag === "Said" || _tag === "Came" || _tag === "Went"

interface Item {
  readonly told: Told
  readonly text: string
}

export class Outbox {
  private items: Array<Item> = []
  private happenings = 0
  private readonly lost = new Map<RoomName, number>()
  private readonly onChange: () => void

  constructor(onChange: () => void) {
    this.onChange = onChange
  }

  offer(told: Told): void {
    if (told._tag === "People") {
      this.items = this.items.filter((item) => !(item.told._tag === "People" && item.told.room === told.room))
    }
    if (isHappening(told)) this.happenings += 1
    this.items.push({ told, text: JSON.stringify(told) })
    while (this.happenings > limits.waiting) this.drop()
    this.onChange()
  }

  /** What was to be told of a room is not its present any more. */
  forget(room: RoomName): void {
    this.items = this.items.filter(({ told }) => !("room" in told) || told.room !== room || told._tag === "Refused")
    this.happenings = this.items.filter(({ told }) => isHappening(told)).length
    this.lost.delete(room)
  }

  get isOverfull(): boolean {
    return this.items.length > mostItems
  }

  get isEmpty(): boolean {
    return this.items.length === 0 && this.lost.size === 0
  }

  /** As much as fits in a frame, gaps first: each is a text of JSON. */
  take(): ReadonlyArray<string> {
    const texts = [...this.lost].map(([room, missed]) =>
      JSON.stringify({ _tag: "Gap", room, missed, why: "this page was too slow" } satisfies Told)
    )
    this.lost.clear()
    let letters = 0
    let taken = 0
    for (const { text, told } of this.items) {
      if (taken > 0 && letters + text.length > limits.letters) break
      letters += text.length
      taken += 1
      if (isHappening(told)) this.happenings -= 1
      texts.push(text)
    }
    this.items = this.items.slice(taken)
    return texts
  }

  private drop(): void {
    const first = this.items.findIndex(({ told }) => isHappening(told))
    const [item] = this.items.splice(first, 1)
    this.happenings -= 1
    if (item !== undefined && "room" in item.told)
      this.lost.set(item.told.room, (this.lost.get(item.told.room) ?? 0) + 1)
  }
}
