/**
 * All rooms that this peer has to do with: their doors, what is still to be told at any of them, and the index's notion of
 * where this peer has places, which is looked after every half minute, however many places there are.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { BackendError } from "../../BackendError.ts"
import { type Asking, type Keep, pageSize, type Service as Store } from "../../ChatStore.ts"
import { pause } from "../Pause.ts"
import { Signal } from "../Signal.ts"
import { Door, type House } from "./Door.ts"
import * as Limits from "./Limits.ts"

/** Of a room that this peer has no definition of. */
const unknownKeep: Keep = { history: undefined, leaveGraceMs: 0 }
/** How often the index is asked whether it still has what it was told. */
const everyMs = 30_000
/** What closing a layer waits for the store. */
const closingMs = 2_000
/** Rooms that hear of it at a time: what a path of some milliseconds needs, and few enough that none waits in memory for long. */
const closingRooms = 256

export interface Options {
  readonly store: Store
  readonly asking: Effect.Effect<Asking>
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly context: Context.Context<never>
  /** So many memberships are open on this peer. */
  readonly onPlaces: (places: number) => void
}

export class Rooms implements House {
  readonly store: Store
  readonly asking: Effect.Effect<Asking>
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly context: Context.Context<never>
  readonly behind = new Set<Door>()
  private readonly doors = new Map<string, Door>()
  private readonly untold = new Signal()
  private readonly places: (places: number) => void
  private count = 0
  private life: string | undefined
  /** Doors, beyond which those that are not needed any more are looked for. */
  private crowd = 1_024
  private closed = false

  constructor({ asking, context, fork, onPlaces, store }: Options) {
    this.store = store
    this.asking = asking
    this.fork = fork
    this.context = context
    this.places = onPlaces
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** The door of a room; undefined: there are too many. */
  door(room: string, keep: Keep): Door | undefined {
    const known = this.doors.get(room)
    if (known !== undefined) {
      known.keep = keep
      return known
    }
    if (this.doors.size >= this.crowd) this.thin()
    if (this.doors.size >= Limits.maxRooms) return undefined
    const door = new Door(room, keep, this)
    this.doors.set(room, door)
    return door
  }

  /** Gives up doors that are not needed any more; those that the index has, too, where nothing looks after that by the clock. */
  private thin(): void {
    const left: Array<string> = []
    for (const [room, door] of this.doors) {
      if (!door.isIdle || (door.indexed !== undefined && !this.store.immortal)) continue
      if (door.indexed !== undefined) left.push(room)
      this.doors.delete(room)
    }
    this.crowd = Math.max(1_024, this.doors.size * 2)
    if (left.length > 0) this.fork(Effect.ignore(Effect.flatMap(this.asking, (by) => this.leave(by, left))))
  }

  /** The index has these rooms too much. */
  private leave(by: Asking, rooms: ReadonlyArray<string>): Effect.Effect<void, BackendError> {
    return Effect.gen({ self: this }, function* () {
      for (let i = 0; i < rooms.length; i += pageSize) {
        // While the page before it was under way somebody may have come, and have had the index note the room again.
        const page = rooms.slice(i, i + pageSize).filter((room) => !this.doors.has(room))
        if (page.length > 0) yield* this.store.exit(by.id, page)
      }
    })
  }

  onUntold(): void {
    this.untold.give()
  }

  onPlaces(difference: number): void {
    this.count += difference
    this.places(this.count)
  }

  onLife(life: string): void {
    // What it had before, it has lost: the next look notes it anew.
    if (this.life === undefined) this.life = life
  }

  /**
   * Held-back `Left`s of a room are this peer's to see to, and the index is told that it has to do with that room; where a
   * full server does not take that now, by the next look at the index.
   */
  adopt(room: string, dueInMs: number): Effect.Effect<void, BackendError> {
    return Effect.flatMap(this.asking, (by) => {
      const door = this.door(room, this.doors.get(room)?.keep ?? unknownKeep)
      if (door === undefined) return Effect.fail(Limits.tooManyRooms("sweep"))
      door.watch.begin(dueInMs)
      return Effect.catchIf(
        Effect.asVoid(door.enter(by)),
        ({ reason }) => reason._tag === "CapacityExceeded",
        () => Effect.void
      )
    })
  }

  /** What was not told when it happened. */
  readonly tell: Effect.Effect<never> = Effect.gen({ self: this }, function* () {
    let failures = 0
    while (true) {
      if (failures === 0) yield* this.untold.given
      else yield* pause(failures)
      this.untold.clear()
      const behind = [...this.doors.values()].filter((door) => door.untold.size > 0)
      const told = yield* Effect.forEach(behind, (door) => Effect.isSuccess(door.tell), { concurrency: 16 })
      failures = told.includes(false) ? failures + 1 : 0
      if (failures === 0 && behind.some((door) => door.untold.size > 0)) this.untold.give()
    }
  })

  /** Sees to it that the index has what it must, and not much more. */
  readonly look: Effect.Effect<never> = Effect.gen({ self: this }, function* () {
    let failures = 0
    while (true) {
      const jitter = yield* Random.next
      if (failures === 0) yield* Effect.sleep(Duration.millis(everyMs * (0.8 + 0.4 * jitter)))
      else yield* pause(failures)
      failures = (yield* Effect.isSuccess(this.agree)) ? 0 : failures + 1
    }
  })

  private readonly agree: Effect.Effect<void, BackendError> = Effect.gen({ self: this }, function* () {
    const by = yield* this.asking
    const { gone, life } = yield* this.store.enter(by.id, [])
    const isLost = gone || life !== this.life
    const lost: Array<Door> = []
    const left: Array<string> = []
    for (const [room, door] of this.doors) {
      if (isLost || (door.indexed !== undefined && door.indexed !== by.id)) door.forget()
      if (!door.isEmpty) {
        if (door.indexed === undefined) lost.push(door)
      } else if (door.isIdle) {
        if (door.indexed !== undefined) left.push(room)
        // Whoever comes now finds no door, and has the index note the room again, behind this.
        this.doors.delete(room)
      }
    }
    if (gone) return
    this.life = life
    yield* this.leave(by, left)
    yield* Effect.forEach(lost, (door) => door.enter(by), { concurrency: 64, discard: true })
  })

  /** Every membership of this peer ends: told to the store as far as that answers; the others see to the rest. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    const doors = [...this.doors.values()]
    const left = Effect.gen({ self: this }, function* () {
      const by = yield* this.asking
      yield* Effect.forEach(doors, (door) => door.close, { concurrency: closingRooms, discard: true })
      const empty = doors.filter((door) => door.indexed === by.id && door.isEmpty).map(({ room }) => room)
      for (let i = 0; i < empty.length; i += pageSize) yield* this.store.exit(by.id, empty.slice(i, i + pageSize))
    })
    return Effect.timeoutOption(Effect.interruptible(Effect.ignore(left)), Duration.millis(closingMs)).pipe(
      Effect.andThen(
        Effect.sync(() => {
          for (const door of this.doors.values()) door.shut()
        })
      )
    )
  })
}
