/**
 * What this process has counted and not flushed: sums by name and minute, and the last value of each gauge. Counting is an
 * addition to a cell; whatever needs a look at the clock or a bound happens where a cell is made.
 *
 * A minute here is one of the server's, as far as its answers tell: so what waits for long is found in the minute in which
 * it was counted. While the store is away the oldest minutes merge, and no further names are let in.
 */
import type * as Clock from "effect/Clock"
import { monotonicMs } from "../monotonic.ts"
import * as Limits from "./Limits.ts"

interface Cell {
  value: number
}

interface Minute {
  readonly number: number
  /** When it was begun, on the monotonic clock. */
  readonly since: number
  readonly cells: Map<string, Cell>
}

/** A sum that was taken out to be flushed, and since when it was counted, on the monotonic clock. */
export interface Counted {
  readonly name: string
  readonly by: number
  readonly since: number
}

export interface Measured {
  readonly name: string
  readonly value: number
  /** When this value was first sent, on the monotonic clock, and the last reset that was known then. */
  readonly sent: { readonly at: number; readonly reset: number } | undefined
}

/** What leaves together. */
export interface Taken {
  readonly sums: ReadonlyArray<Counted>
  readonly gauges: ReadonlyArray<Measured>
}

/** What a name had that waits no more, to be given back should that have been wrong. */
export interface Removed {
  readonly sums: ReadonlyArray<readonly [minute: Minute, value: number]>
  readonly gauge: Measured | undefined
}

export class Tally {
  private readonly clock: Clock.Clock
  private readonly minutes: Array<Minute> = []
  /** How many minutes, or sums that are under way, have each name. */
  private readonly names = new Map<string, number>()
  private readonly gauges = new Map<string, Measured>()
  /** Gauges with a value that is to be sent. */
  private readonly news = new Set<string>()
  /** Sums that wait. */
  private sums = 0
  /** Minutes that are on their way out as a whole. */
  private minutesUnderWay = 0
  /** The minute of now, and for which of the clock's readings it is that. */
  private cells: Map<string, Cell> = new Map()
  private from = Number.POSITIVE_INFINITY
  private until = Number.NEGATIVE_INFINITY
  /** The server's time, less this process' monotonic one. */
  private offset: number

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.offset = clock.currentTimeMillisUnsafe() - monotonicMs(clock)
  }

  /** What waits to be taken. */
  get size(): number {
    return this.sums + this.news.size
  }

  /** Names whose sums wait or are under way. */
  get waiting(): number {
    return this.names.size
  }

  get hasGauges(): boolean {
    return this.gauges.size > 0
  }

  /** False: it was dropped, for as many names wait as may. */
  add(name: string, by: number): boolean {
    const wall = this.clock.currentTimeMillisUnsafe()
    if (wall < this.from || wall >= this.until) this.turn(wall)
    const cell = this.cells.get(name) ?? this.cellOf(name, this.cells)
    if (cell === undefined) return false
    cell.value = Limits.bounded(cell.value + by)
    return true
  }

  /** False: it was dropped. */
  measure(name: string, value: number): boolean {
    if (this.gauges.size >= Limits.maxNames && !this.gauges.has(name)) return false
    // Of the two zeros texts know one.
    this.gauges.set(name, { name, value: value + 0, sent: undefined })
    this.news.add(name)
    return true
  }

  /** The server's time was that, when this process' monotonic clock said this. */
  heard(now: number, at: number): void {
    this.offset = now - at
    this.until = Number.NEGATIVE_INFINITY
  }

  /** The store may have lost what gauges there were. */
  repeatGauges(): void {
    for (const name of this.gauges.keys()) this.news.add(name)
  }

  /** The oldest of what waits, and no more than that. */
  take(most: number, reset: number): Taken {
    const sums: Array<Counted> = []
    this.minutesUnderWay = 0
    for (let minute = this.minutes[0]; minute !== undefined && sums.length < most; minute = this.minutes[0]) {
      const { cells, since } = minute
      for (const [name, { value }] of cells) {
        if (sums.length === most) break
        sums.push({ name, by: value, since })
        cells.delete(name)
      }
      if (cells.size > 0) break
      this.minutes.shift()
      this.minutesUnderWay += 1
      // Another one may begin at once.
      this.until = Number.NEGATIVE_INFINITY
    }
    this.sums -= sums.length
    const gauges: Array<Measured> = []
    for (const name of this.news) {
      if (sums.length + gauges.length === most) break
      this.news.delete(name)
      const gauge = this.gauges.get(name)
      if (gauge === undefined) continue
      gauges.push(gauge)
      if (gauge.sent === undefined) this.gauges.set(name, { ...gauge, sent: { at: monotonicMs(this.clock), reset } })
    }
    return { sums, gauges }
  }

  /** Those sums do not wait any more. */
  done(sums: ReadonlyArray<Counted>): void {
    for (const { name } of sums) this.release(name)
    this.minutesUnderWay = 0
  }

  /** Takes out what waits under that name. */
  remove(name: string): Removed {
    const sums: Array<readonly [Minute, number]> = []
    for (const minute of this.minutes) {
      const cell = minute.cells.get(name)
      if (cell === undefined) continue
      minute.cells.delete(name)
      this.sums -= 1
      this.release(name)
      sums.push([minute, cell.value])
    }
    const gauge = this.gauges.get(name)
    this.gauges.delete(name)
    this.news.delete(name)
    return { sums, gauge }
  }

  /** Has it wait as before, but for a gauge that has another value by now. */
  restore(name: string, { gauge, sums }: Removed): void {
    for (const [minute, value] of sums) {
      if (!this.minutes.includes(minute)) this.add(name, value)
      else {
        const cell = minute.cells.get(name) ?? this.cellOf(name, minute.cells)
        if (cell !== undefined) cell.value = Limits.bounded(cell.value + value)
      }
    }
    if (gauge === undefined || this.gauges.has(name)) return
    this.gauges.set(name, gauge)
    this.news.add(name)
  }

  private release(name: string): void {
    const count = this.names.get(name) ?? 1
    if (count > 1) this.names.set(name, count - 1)
    else this.names.delete(name)
  }

  private cellOf(name: string, cells: Map<string, Cell>): Cell | undefined {
    const count = this.names.get(name) ?? 0
    if (count === 0 && this.names.size >= Limits.maxNames) return undefined
    this.names.set(name, count + 1)
    const cell = { value: 0 }
    cells.set(name, cell)
    this.sums += 1
    return cell
  }

  /** Finds the minute of now. */
  private turn(wall: number): void {
    const since = monotonicMs(this.clock)
    const now = since + this.offset
    const number = Math.floor(now / 60_000)
    let minute = this.minutes.at(-1)
    if (minute?.number !== number) {
      minute = { number, since, cells: new Map() }
      this.minutes.push(minute)
      while (this.minutes.length > Math.max(2, Limits.maxMinutes - this.minutesUnderWay)) this.merge()
    }
    this.cells = minute.cells
    this.from = wall
    this.until = wall + (number + 1) * 60_000 - now
  }

  /** The oldest minute becomes part of the one after it. */
  private merge(): void {
    const [oldest, next] = [this.minutes.shift(), this.minutes[0]]
    if (oldest === undefined || next === undefined) return
    for (const [name, { value }] of oldest.cells) {
      const cell = next.cells.get(name)
      if (cell === undefined) next.cells.set(name, { value })
      else {
        cell.value = Limits.bounded(cell.value + value)
        this.sums -= 1
        this.release(name)
      }
    }
  }
}
