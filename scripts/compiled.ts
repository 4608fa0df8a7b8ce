/** Where Node keeps what it has compiled, for all processes that tests start: each starts in half the time. */
import * as path from "node:path"

export const compiled = {
  NODE_COMPILE_CACHE:
    process.env["NODE_COMPILE_CACHE"] ?? path.join(import.meta.dirname, "../node_modules/.cache/node-compile")
}
