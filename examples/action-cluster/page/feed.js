/**
 * What the program tells, as Server-Sent Events. The first thing it tells is the present, and so it is after every
 * interruption: nothing has to be caught up with.
 */

/** It says something twice a second: after this long without a word the connection is dead, whatever it looks like. */
const silence = 4_000
const pauses = [250, 500, 1_000, 2_000]

/** Calls `event` with everything, and `connected` with what stands in the way, or null. Never ends. */
export const follow = ({ event, connected }) => {
  let failures = 0
  let source
  let alarm

  const open = () => {
    source = new EventSource("events")
    watch()
    source.addEventListener("message", ({ data }) => {
      watch()
      const told = JSON.parse(data)
      if (told._tag === "Present") {
        failures = 0
        connected(null)
      }
      event(told)
    })
    source.addEventListener("error", retry)
  }

  const watch = () => {
    clearTimeout(alarm)
    alarm = setTimeout(retry, silence)
  }

  const retry = async () => {
    clearTimeout(alarm)
    source.close()
    const pause = pauses[Math.min(failures++, pauses.length - 1)]
    connected("The program does not answer. What is shown may be old; trying again.")
    setTimeout(open, pause)
    // An event source does not tell why it was refused; the same request, asked plainly, does.
    const why = await refusal()
    if (why !== undefined && failures > 0) connected(why)
  }

  open()
}

const refusal = async () => {
  const asked = new AbortController()
  try {
    const response = await fetch("events", { signal: asked.signal })
    return response.ok ? undefined : (await response.json()).message
  } catch {
    return undefined
  } finally {
    asked.abort()
  }
}
