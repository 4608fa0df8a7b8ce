/** What a listener of a room heard (`talker.ts` says in which words), and whether it can have been so (H3, H4, H6). */

/** Whose coming and going makes no sense, what was said twice, and what came behind the end. */
export const faultsOf = (heard: ReadonlyArray<string>): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const there = new Map<string, boolean>()
  const words = new Set<string>()
  // Who was there before nobody knows, unless it came.
  let isKnown = true
  let ended = false
  heard.forEach((event, place) => {
    const fault = (what: string) => faults.push(`${place} ${event}: ${what}`)
    const [what = "", ...rest] = event.split(" ")
    const id = rest.at(-1) ?? ""
    const isThere = there.get(id) ?? (isKnown ? false : undefined)
    if (ended && event !== ".") fault("behind the end")
    if (what === "J") {
      if (isThere === true) fault("is there")
      there.set(id, true)
    } else if (what === "U" || what === "L") {
      if (isThere === false) fault("is not there")
      there.set(id, what === "U")
    } else if (what === "S") {
      if (words.has(event)) fault("said twice")
      words.add(event)
    } else if (what === "Gap" && id !== "Undecodable") {
      there.clear()
      isKnown = false
    } else if (what === "D") ended = true
  })
  return faults
}

/** Two listeners heard what both heard in one order; of words alone, for they are all different. */
export const haveOneOrder = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean => {
  const wordsOf = (heard: ReadonlyArray<string>, among: ReadonlySet<string>) =>
    heard.filter((event) => event.startsWith("S ") && among.has(event)).join("\n")
  return wordsOf(one, new Set(other)) === wordsOf(other, new Set(one))
}
