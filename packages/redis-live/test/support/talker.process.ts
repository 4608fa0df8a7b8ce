/**
 * A peer with places in rooms, in a process of its own: `talker.process.ts <options as JSON>`. Says `"ready"` on stdout
 * once its layer is built; then it does what a line on stdin asks for, `[number, command, ...arguments]`, and answers with
 * `[number, what became of it]`. Ends by SIGTERM.
 */
import * as Effect from "effect/Effect"
import { createInterface } from "node:readline"
import { type Commands, make, type Options } from "./talker.ts"

const options: Options = JSON.parse(process.argv[2]!)
const write = (value: unknown) => Effect.sync(() => process.stdout.write(`${JSON.stringify(value)}\n`))

const program = Effect.gen(function* () {
  const talker = yield* make(options)
  const commands: Record<string, (...args: ReadonlyArray<any>) => Effect.Effect<unknown>> = {
    create: talker.create,
    destroy: talker.destroy,
    join: talker.join,
    say: talker.say,
    leave: talker.leave,
    part: talker.part,
    open: talker.open
  } satisfies Commands
  createInterface({ input: process.stdin }).on("line", (line) => {
    const [number, command, ...args] = JSON.parse(line)
    Effect.runFork(Effect.flatMap(commands[command]!(...args), (result) => write([number, result ?? null])))
  })
  yield* write("ready")
  return yield* Effect.never
})

const fiber = Effect.runFork(Effect.scoped(program))
process.on("SIGTERM", () => {
  process.stdin.destroy()
  fiber.interruptUnsafe()
})
