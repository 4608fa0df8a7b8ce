/** Where laws are tried over real connections: the run's server, and its cluster. */
import { describe, inject } from "vitest"
import type { At } from "./Primaries.ts"

interface Place {
  readonly name: string
  readonly at: At
  readonly prefix: string
  /** `describe`, or its skipping twin where the run has no such place. */
  readonly skip: (name: string, tests: () => void) => void
}

const prefix = inject("redisPrefix")
const url = inject("redisUrl")
const cluster = inject("redisCluster")

export const places: ReadonlyArray<Place> = [
  { name: "server", at: { url: url ?? "" }, prefix, skip: describe.skipIf(url === undefined) },
  { name: "cluster", at: { cluster: cluster ?? [] }, prefix, skip: describe.skipIf(cluster === undefined) }
]
