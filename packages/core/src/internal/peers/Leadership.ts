/**
 * What this peer wants of leaderships, and what it has. The heart tells the book of it whenever something changed, and
 * nobody polls: who was refused asks again when the owner is gone, when the name is given up, and when a beat's answer
 * shows that a word of that was missed (P9).
 *
 * Of one name one fiber of this peer campaigns or leads at a time; others wait for it here.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import type { BackendError } from "../../BackendError.ts"
import type { Term } from "../../PeerRegistry.ts"
import { type Granted, maxWishes, type PeerId, type Service as Store, type Wish } from "../../PeerRegistryStore.ts"
import * as Limits from "./Limits.ts"

export interface Life {
  /** Something is to be told. */
  readonly wake: () => void
  readonly isProven: () => boolean
}

/** One name: what is wanted of it, and who is to hear of it. */
interface Seat {
  readonly name: string
  /** None: it was lost, and whoever led has not stopped yet. */
  wish: Wish["kind"] | "None"
  /** The book has not been told. */
  pending: boolean
  /** The book may have granted it: it is to be told when it is wanted no more. */
  told: boolean
  /** A body runs, or has not ended yet. */
  running: boolean
  fence: number
  /** Who had it when it was refused. */
  owner: string
  elected: ((term: Exit.Exit<Term, BackendError>) => void) | undefined
  lost: (() => void) | undefined
  /** Waits until the book knows that it is given up, or cannot be told now. */
  dropped: (() => void) | undefined
}

/** How long the layer's end waits for bodies to end: the rest of their terms is then nobody's until their time is over. */
const patience = Duration.seconds(2)

export class Leadership {
  /** Open while a term is held. */
  private readonly held = Latch.makeUnsafe(false)
  /** Opens when a body has ended after the end of the layer. */
  private readonly ended = Latch.makeUnsafe(false)
  private readonly seats = new Map<string, Seat>()
  private readonly turns = new Map<string, { readonly semaphore: Semaphore.Semaphore; fibers: number }>()
  private readonly store: Store
  private readonly life: Life
  private closed = false
  /** The highest fence seen. */
  private fence = 0
  private freedCount = -1

  constructor(store: Store, life: Life) {
    this.store = store
    this.life = life
  }

  get holds(): Effect.Effect<void> {
    return this.held.await
  }

  get isPending(): boolean {
    for (const seat of this.seats.values()) if (seat.pending) return true
    return false
  }

  /** The book was lost, and has not confirmed a leadership since. */
  get isUnverified(): boolean {
    for (const seat of this.seats.values()) if (seat.pending && seat.wish === "Hold") return true
    return false
  }

  /** Leads as often as it takes for the body to end by itself. */
  lead<A, E, R>(name: string, body: (term: Term) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const turn = this.turns.get(name) ?? { semaphore: Semaphore.makeUnsafe(1), fibers: 0 }
        this.turns.set(name, turn)
        turn.fibers++
        return turn
      }),
      (turn) => turn.semaphore.withPermit(this.campaign(name, body)),
      (turn) =>
        Effect.sync(() => {
          if (--turn.fibers === 0) this.turns.delete(name)
        })
    )
  }

  private campaign<A, E, R>(name: string, body: (term: Term) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        while (true) {
          const term = yield* Effect.onExit(restore(this.elected(name)), (exit) =>
            Exit.isFailure(exit) ? Effect.sync(() => this.drop(name)) : Effect.void
          )
          // Where the term is lost already, the body does not begin.
          const led = yield* Effect.exit(
            restore(
              Effect.raceFirst(
                Effect.as(this.loss(term), Option.none<A>()),
                Effect.asSome(Effect.suspend(() => body(term)))
              )
            )
          )
          if (Exit.isSuccess(led) && Option.isNone(led.value)) continue
          this.drop(name)
          if (!Exit.hasInterrupts(led)) yield* restore(this.dropped(name))
          return yield* Exit.map(led, Option.getOrThrow)
        }
      })
    )
  }

  private elected(name: string): Effect.Effect<Term> {
    return Effect.orDie(
      Effect.callback<Term, BackendError>((resume) => {
        if (this.closed) return resume(Effect.fail(Limits.closed("lead")))
        const seat = this.seat(name)
        seat.wish = "Seek"
        seat.pending = true
        seat.elected = resume
        this.life.wake()
        return Effect.sync(() => {
          seat.elected = undefined
        })
      })
    )
  }

  private loss(term: Term): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const seat = this.seats.get(term.name)
      if (seat?.wish !== "Hold" || BigInt(seat.fence) !== term.fence) return resume(Effect.void)
      seat.lost = () => resume(Effect.void)
      return Effect.sync(() => {
        seat.lost = undefined
      })
    })
  }

  private drop(name: string): void {
    const seat = this.seats.get(name)
    if (seat === undefined) return
    seat.running = false
    if (this.closed) return void this.ended.openUnsafe()
    if (!seat.told) return this.vacate(seat)
    seat.wish = "Drop"
    seat.pending = true
    this.heldAgain()
    this.life.wake()
  }

  private dropped(name: string): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const seat = this.seats.get(name)
      if (seat?.wish !== "Drop") return resume(Effect.void)
      seat.dropped = () => resume(Effect.void)
      return Effect.sync(() => {
        seat.dropped = undefined
      })
    })
  }

  // What the heart does

  /** Tells the book of what is pending, as much as one call takes. False: the book first needs a beat. */
  tell(id: PeerId): Effect.Effect<boolean, BackendError> {
    return Effect.suspend(() => {
      const seats: Array<Seat> = []
      const wishes: Array<Wish> = []
      for (const seat of this.seats.values()) {
        if (!seat.pending || seat.wish === "None" || wishes.length === maxWishes) continue
        seats.push(seat)
        wishes.push({ name: seat.name, kind: seat.wish, fence: seat.fence })
        seat.told = true
      }
      return Effect.map(this.store.terms(id, this.fence, wishes), (granted) => {
        granted?.forEach((grant, i) => this.hear(id, seats[i]!, wishes[i]!, grant))
        return granted !== undefined
      })
    })
  }

  private hear(id: PeerId, seat: Seat, wish: Wish, { fence, owner }: Granted): void {
    this.fence = Math.max(this.fence, fence)
    // What is wanted may have changed while the call was under way: then that is still to be told.
    if (seat.wish !== wish.kind || this.seats.get(seat.name) !== seat) return
    switch (wish.kind) {
      case "Seek": {
        if (owner !== id) {
          seat.pending = false
          seat.owner = owner
          seat.fence = 0
        } else if (this.life.isProven()) {
          seat.pending = false
          seat.wish = "Hold"
          seat.fence = fence
          seat.running = true
          this.heldAgain()
          seat.elected?.(Exit.succeed({ name: seat.name, fence: BigInt(fence) }))
        }
        return
      }
      case "Hold": {
        seat.pending = false
        if (owner === id) return
        seat.fence = 0
        return this.take(seat)
      }
      case "Drop":
        return this.vacate(seat)
    }
  }

  /** No term can be proven any more: whoever leads is interrupted, and campaigns again. */
  lose(): void {
    for (const seat of this.seats.values()) if (seat.wish === "Hold") this.take(seat)
  }

  /** The id that the book knew is gone, and all it had there. */
  forget(): void {
    for (const seat of [...this.seats.values()]) {
      if (seat.wish === "Drop") this.vacate(seat)
      seat.told = false
      seat.fence = 0
    }
    this.retry()
  }

  /** The book is another one: it is to be told what is held. */
  verify(): void {
    for (const seat of this.seats.values()) if (seat.wish === "Hold") seat.pending = true
  }

  /** Whoever was refused asks again. */
  retry(): void {
    for (const seat of this.seats.values()) if (seat.wish === "Seek") seat.pending = true
  }

  ownerLeft(id: PeerId): void {
    this.askAgain((seat) => seat.owner === id)
  }

  freed(name: string): void {
    this.askAgain((seat) => seat.name === name)
  }

  /** A beat's answer counts what was given up: where the count moved, a word may have been missed. */
  heardFreed(count: number): void {
    const moved = count !== this.freedCount
    this.freedCount = count
    this.askAgain((seat) => moved || seat.owner === "")
  }

  /** The book cannot be told now. It will be; nobody waits for it. */
  stopWaiting(): void {
    for (const seat of this.seats.values()) seat.dropped?.()
  }

  /** Nobody is elected any more. Waits a while for the bodies to end; what is no more held then, for the peer's leave. */
  readonly close: Effect.Effect<ReadonlyArray<Wish>> = Effect.gen({ self: this }, function* () {
    this.closed = true
    for (const seat of this.seats.values()) {
      seat.elected?.(Exit.fail(Limits.closed("lead")))
      if (seat.wish === "Hold") this.take(seat)
    }
    yield* Effect.timeoutOption(this.allEnded, patience)
    const held: Array<Wish> = []
    for (const seat of this.seats.values()) {
      seat.dropped?.()
      if (seat.told && !seat.running) held.push({ name: seat.name, kind: "Drop", fence: seat.fence })
    }
    return held.slice(0, maxWishes)
  })

  private readonly allEnded: Effect.Effect<void> = Effect.suspend(() => {
    this.ended.closeUnsafe()
    for (const { running } of this.seats.values()) if (running) return Effect.andThen(this.ended.await, this.allEnded)
    return Effect.void
  })

  private askAgain(where: (seat: Seat) => boolean): void {
    for (const seat of this.seats.values()) {
      if (seat.wish !== "Seek" || seat.pending || !where(seat)) continue
      seat.pending = true
      this.life.wake()
    }
  }

  private take(seat: Seat): void {
    seat.wish = "None"
    seat.pending = false
    this.heldAgain()
    seat.lost?.()
  }

  private vacate(seat: Seat): void {
    this.seats.delete(seat.name)
    this.heldAgain()
    seat.dropped?.()
  }

  private seat(name: string): Seat {
    let seat = this.seats.get(name)
    if (seat === undefined) {
      seat = {
        name,
        wish: "None",
        pending: false,
        told: false,
        running: false,
        fence: 0,
        owner: "",
        elected: undefined,
        lost: undefined,
        dropped: undefined
      }
      this.seats.set(name, seat)
    }
    return seat
  }

  private heldAgain(): void {
    for (const seat of this.seats.values()) {
      if (seat.wish === "Hold") return void this.held.openUnsafe()
    }
    this.held.closeUnsafe()
  }
}
