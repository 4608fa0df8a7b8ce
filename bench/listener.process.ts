/** A listener in a process of its own: `fork(listener.process.ts, [url, prefix])`. Ends with its parent. */
import * as Listener from "./listener.ts"

export type Told = { readonly what: "listening" | "all" | "oneMore" | "stopped" } | { readonly failed: string }
export type Asked = Listener.Round | "stop"

const [url = "", prefix = ""] = process.argv.slice(2)
const listener = Listener.make(url, prefix)
let heard: Listener.Heard | undefined

const tell = (told: Told): void => void process.send?.(told)
const fail = (error: unknown): void => tell({ failed: error instanceof Error ? error.message : String(error) })

process.on("message", (asked: Asked) => {
  if (asked === "stop") {
    heard?.stop().then(() => tell({ what: "stopped" }), fail)
    return
  }
  listener.listen(asked).then((listening) => {
    heard = listening
    listening.all.then(() => tell({ what: "all" }), fail)
    listening.oneMore.then(() => tell({ what: "oneMore" }), fail)
    tell({ what: "listening" })
  }, fail)
})
process.on("disconnect", () => void listener.close().finally(() => process.exit()))
