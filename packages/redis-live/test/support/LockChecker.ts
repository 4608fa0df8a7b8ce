/**
 * Reads what all processes of a run saw of its locks, and says what must not be, without a word to the backend: D5, fences
 * grow, whoever has the lock; C12, of two bodies of a lock the one begins when the other has ended.
 *
 * Where a server is gone with what it acknowledged, nobody knows of a lock that was given then but who has it (D2).
 */
import type { Event } from "./CacheHistory.ts"

export interface Report {
  readonly anomalies: ReadonlyArray<string>
  /** Bodies that began. */
  readonly held: number
}

interface Body {
  readonly who: string
  readonly fence: bigint
  readonly from: number
  to: number
}

export const check = (histories: ReadonlyArray<ReadonlyArray<Event>>): Report => {
  const byLock = new Map<string, Array<Body>>()
  const rewound: Array<Event & { readonly what: "rewound" }> = []
  let held = 0
  for (const history of histories) {
    const open = new Map<string, Body>()
    for (const event of history) {
      if (event.what === "rewound") rewound.push(event)
      if (event.what !== "held" && event.what !== "freed") continue
      const { at, fence, lock, what, who } = event
      const id = `${lock} ${fence}`
      if (what === "held") {
        const body: Body = { who, fence: BigInt(fence), from: at, to: Infinity }
        open.set(id, body)
        byLock.set(lock, [...(byLock.get(lock) ?? []), body])
        held += 1
      } else {
        const body = open.get(id)
        if (body !== undefined) body.to = at
      }
    }
  }
  const anomalies: Array<string> = []
  for (const [lock, bodies] of byLock) {
    bodies.sort((a, b) => a.from - b.from)
    let last: Body | undefined
    let longest: Body | undefined
    for (const body of bodies) {
      const shown = `${lock}: ${body.who} began at ${body.from.toFixed(3)} with ${body.fence}`
      if (last !== undefined && body.fence <= last.fence)
        anomalies.push(`D5 ${shown}, and ${last.who} before it with ${last.fence}`)
      if (longest !== undefined && longest.to > body.from) {
        const { from, to } = longest
        if (!rewound.some(({ at, locks }) => locks.includes(lock) && from < at && at < to))
          anomalies.push(`C12 ${shown}, while ${longest.who} held it until ${to.toFixed(3)}`)
      }
      last = body
      if (longest === undefined || body.to > longest.to) longest = body
    }
  }
  return { anomalies, held }
}
