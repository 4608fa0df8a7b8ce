/**
 * Counts what passes a proxy, or several: requests, and the round trips that whoever sends them has to wait for.
 *
 * A request is one more round trip than the most that had been answered, on any connection, when it was sent: those that
 * are sent beside each other are one, and one that waits for an answer is another. A push answers nothing.
 */

/** How far whole RESP frames have been read, however they were cut into pieces. Says of each that ends whether it was a push. */
export class Frames {
  private line = ""
  /** Bytes of a text that are still to come, with its end. */
  private skip = 0
  /** Values that the frame still lacks; zero: a frame begins. */
  private open = 0
  private isPush = false

  read(data: Buffer): ReadonlyArray<"push" | "other"> {
    const ended: Array<"push" | "other"> = []
    for (let at = 0; at < data.length;) {
      if (this.skip > 0) {
        const skipped = Math.min(this.skip, data.length - at)
        this.skip -= skipped
        at += skipped
        if (this.skip > 0) break
      } else {
        const end = data.indexOf(10, at)
        this.line += data.toString("latin1", at, end === -1 ? data.length : end + 1)
        if (end === -1) break
        at = end + 1
        this.header(this.line)
        this.line = ""
      }
      if (this.open === 0 && this.skip === 0) ended.push(this.isPush ? "push" : "other")
    }
    return ended
  }

  private header(line: string): void {
    const kind = line[0] ?? ""
    const size = Number(line.slice(1))
    if (this.open === 0) {
      this.open = 1
      this.isPush = kind === ">"
    }
    this.open -= 1
    if ("*~>".includes(kind)) this.open += Math.max(0, size)
    else if (kind === "%") this.open += 2 * size
    // An attribute is none of the values it stands before.
    else if (kind === "|") this.open += 2 * size + 1
    else if ("$=!".includes(kind) && size >= 0) this.skip = size + 2
  }
}

/** One connection. */
export class Counted {
  private readonly trips: RoundTrips
  private readonly requests = new Frames()
  private readonly answers = new Frames()
  /** The round trip that each request is of, until it is answered. */
  private readonly waiting: Array<number> = []
  /** Whose connection it is, when that is known. */
  role: string | undefined

  constructor(trips: RoundTrips) {
    this.trips = trips
  }

  sent(data: Buffer): void {
    for (const _ of this.requests.read(data)) this.waiting.push(this.trips.sent(this.role))
  }

  answered(data: Buffer): void {
    for (const kind of this.answers.read(data)) {
      if (kind === "push") continue
      const trip = this.waiting.shift()
      if (trip !== undefined) this.trips.answered(this.role, trip)
    }
  }
}

export interface Count {
  readonly requests: number
  /** That were waited for to their end. */
  readonly trips: number
}

/** Of one role: the others have their own to wait for. */
export class RoundTrips {
  private readonly role: string
  private trips = 0
  private requests = 0
  private open = 0
  /** When the last request was sent or answered, ms. */
  private lastAt = 0
  /** Told of each request before it goes on, with how many there were. */
  onSent: ((requests: number) => void) | undefined

  constructor(role: string) {
    this.role = role
  }

  get count(): Count {
    return { requests: this.requests, trips: this.trips }
  }

  /** Nothing has been under way for so long, ms. */
  get quietMs(): number {
    return this.open > 0 ? 0 : performance.now() - this.lastAt
  }

  /** From now on anew. Nothing may be under way. */
  begin(): void {
    this.trips = 0
    this.requests = 0
    this.onSent = undefined
  }

  sent(role: string | undefined): number {
    if (role !== this.role) return 0
    this.open += 1
    this.lastAt = performance.now()
    this.requests += 1
    this.onSent?.(this.requests)
    return this.trips + 1
  }

  answered(role: string | undefined, trip: number): void {
    if (role !== this.role || trip === 0) return
    this.open -= 1
    this.lastAt = performance.now()
    this.trips = Math.max(this.trips, trip)
  }
}
