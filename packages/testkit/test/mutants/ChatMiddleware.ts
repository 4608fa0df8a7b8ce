/** Mistakes in what hooks are asked, and when: ChatMiddlewareLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/chat/${name}.ts`

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "hooks are asked in the order they were installed",
    law: "joinHooksComeBeforeAnythingChanges",
    file: core("Hooks"),
    find: ".sort((a, b) => (a.order ?? 0) - (b.order ?? 0))",
    replace: ""
  },
  {
    name: "nobody is asked about announcements",
    law: "sayHooksComeBeforeTheWord",
    file: core("Places"),
    find: "const installed = hooks.of<A, M>(room.name)",
    replace: "const installed = speech.ref === undefined ? [] : hooks.of<A, M>(room.name)"
  },
  {
    name: "the event behind one that was heard is left out",
    law: "wordsKeepTheirOrderThroughHooks",
    file: core("Reading"),
    find: "waiting = rest\n",
    replace: "waiting = rest.slice(1)\n"
  },
  {
    name: "a hook does not hear who listens",
    law: "hearHooksAreEachListeners",
    file: core("Hooks"),
    find: "hear(heard.value, listener)\n",
    replace: "hear(heard.value, undefined)\n"
  },
  {
    name: "hooks of all listeners wait for each other",
    law: "aSlowHookHoldsNobodyBack",
    file: core("Hooks"),
    find: ": hear(heard.value, listener)\n",
    replace:
      ": (this.turn = Effect.runSync(Effect.cached(Effect.andThen(this.turn ?? Effect.void, hear(heard.value, listener)))))\n"
  },
  {
    name: "hooks hear of a leave before it",
    law: "leaveHooksComeAfterTheLeave",
    file: core("Places"),
    find: "Effect.ensuring(this.door.part(this.ref), this.left)",
    replace: "Effect.andThen(this.left, this.door.part(this.ref))"
  },
  {
    name: "middleware stays for good",
    law: "middlewareEndsWithItsScope",
    file: core("Lobby"),
    find: "(remove) => Effect.sync(remove)",
    replace: "() => Effect.void"
  },
  {
    name: "who comes and goes is kept back where there is a hook",
    law: "hooksLeaveTheOtherEventsAlone",
    file: core("Reading"),
    find: ": Effect.succeedSome(first)",
    replace: ": Effect.succeedNone"
  }
]
