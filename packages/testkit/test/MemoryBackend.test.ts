import { open } from "@troupe/core/Wire"
import { MemoryBackend, layer } from "@troupe/testkit/MemoryBackend"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

const request = { service: "Test", operation: "test", adds: true }

describe("a memory backend outside of worlds", () => {
  it.effect("takes its time from Effect's Clock, and answers at once", () =>
    Effect.gen(function* () {
      const backend = yield* MemoryBackend
      const ask = backend.request(open, request, (now, run) => [now, run])
      yield* TestClock.setTime(1_000)
      expect(yield* ask).toEqual([1_000, "memory"])
      yield* TestClock.adjust("30 days")
      expect(yield* ask).toEqual([1_000 + 30 * 86_400_000, "memory"])
      expect(yield* backend.now).toBe(1_000 + 30 * 86_400_000)
    }).pipe(Effect.provide(layer))
  )

  it.effect("pushes when the step is over, to whoever is subscribed then", () =>
    Effect.gen(function* () {
      const backend = yield* MemoryBackend
      const heard: Array<string> = []
      const say = (text: string) =>
        backend.request(open, request, () => {
          backend.publish("a", text)
          heard.push(`said ${text}`)
        })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const link = yield* backend.link(open, { message: (_, text) => heard.push(text), lost: () => {} })
          yield* link.subscribe(["a", "b"])
          yield* say("one")
          yield* link.unsubscribe(["a"])
          yield* say("two")
          expect(yield* backend.faults.subscriptions).toBe(1)
        })
      )
      expect(heard).toEqual(["said one", "one", "said two"])
      expect(yield* backend.faults.subscriptions).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("rewinds change by change, as far as it was noted", () =>
    Effect.gen(function* () {
      const { faults, request: step, state } = yield* MemoryBackend
      const numbers = state("numbers", () => new Set<number>())
      const add = (n: number) =>
        Effect.andThen(
          step(open, request, () => numbers().add(n)),
          faults.note
        )
      yield* faults.note
      yield* Effect.forEach([1, 2, 2, 3], add)
      yield* faults.rewind(2)
      expect(numbers()).toEqual(new Set([1]))
      yield* faults.rewind(5)
      expect(yield* faults.keys).toEqual([])
      yield* faults.forget
      expect(numbers()).toEqual(new Set())
    }).pipe(Effect.provide(layer))
  )
})
