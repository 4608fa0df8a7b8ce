/**
 * Waiting for what somebody else loads or locks: the backend pushes the keys of what is over. What was missed, because the
 * channel was not heard yet or not any more, is made up for by asking again.
 */
import { loadsChannel, locksChannel, type Service as Store } from "../../CacheStore.ts"
import * as Name from "../../Name.ts"
import type { Bell } from "../Bell.ts"
import type { Signal } from "../Signal.ts"

interface Room {
  readonly channel: string
  readonly waiting: Map<string, Set<Signal>>
  readonly ring: (message: string | undefined) => void
  isHeard: boolean
}

/** Channels that are listened to though nobody waits: the next who does will hear at once. */
const maxIdle = 256

export class Waits {
  private readonly store: Store
  private readonly bell: Bell
  private readonly rooms = new Map<string, Room>()

  constructor(store: Store, bell: Bell) {
    this.store = store
    this.bell = bell
  }

  /** The signal is given whenever this key may be worth asking for again. Gives how to leave. */
  enter(region: string, key: string, signal: Signal): () => void {
    return this.enterRoom(loadsChannel(region, this.store.partOf(key)), key, signal)
  }

  /** As `enter`, for a lock. */
  enterLock(name: string, signal: Signal): () => void {
    return this.enterRoom(locksChannel(this.store.partOf(name)), name, signal)
  }

  private enterRoom(channel: string, key: string, signal: Signal): () => void {
    const room = this.room(channel)
    const encoded = Name.encode(key)
    const signals = room.waiting.get(encoded) ?? new Set()
    room.waiting.set(encoded, signals.add(signal))
    // An end between the backend's answer and now was heard by nobody.
    if (room.isHeard) signal.give()
    return () => {
      signals.delete(signal)
      if (signals.size > 0 || room.waiting.get(encoded) !== signals) return
      room.waiting.delete(encoded)
      if (this.rooms.size > maxIdle) this.forget()
    }
  }

  private room(channel: string): Room {
    const known = this.rooms.get(channel)
    if (known !== undefined) return known
    const waiting: Room["waiting"] = new Map()
    const room: Room = {
      channel,
      waiting,
      isHeard: false,
      ring: (message) => {
        if (message === undefined) room.isHeard = true
        const keys = message === undefined ? waiting.keys() : message.split(" ")
        for (const key of keys) for (const signal of waiting.get(key) ?? []) signal.give()
      }
    }
    this.rooms.set(channel, room)
    this.bell.add(channel, room.ring)
    return room
  }

  private forget(): void {
    for (const [channel, { ring, waiting }] of this.rooms) {
      if (this.rooms.size <= maxIdle) return
      if (waiting.size > 0) continue
      this.rooms.delete(channel)
      this.bell.remove(channel, ring)
    }
  }
}
