/** The peers as readers of what is kept: where each had its last answer from, and how its readings went. */
import { clock, duration, element, keyed, setText, whole } from "./dom.js"
import { makeButton } from "./order.js"

const counted = ["near", "shared", "waited", "loaded"]
const maxShown = 20
const none = { near: 0, shared: 0, waited: 0, loaded: 0 }

/** How many of the readings found something that was there, of those of which it is known. */
export const ratio = ({ loaded, near, shared, waited }) => {
  const known = near + shared + waited + loaded
  return known === 0 ? "–" : `${Math.round((100 * (near + shared)) / known)}%`
}

const phases = {
  Asks: "waits",
  Loads: "loads",
  Near: "near",
  Shared: "shared",
  Waited: "waited",
  Loaded: "loaded"
}

/** `show` them as a shelf has them; `know` who is there. */
export const makeReaders = (stage, lost) => {
  const header = ["Peer and its last answer", "Near", "Shared", "Waited", "Loaded", "Hits"].map((text) =>
    element("th", { scope: "col", role: "columnheader", text })
  )
  const last = element("th", { scope: "col", role: "columnheader" }, [
    element("span", { class: "visually-hidden", text: "Orders" })
  ])
  const list = element("tbody", { role: "rowgroup" })
  // The roles are said aloud: on a phone this is not laid out as a table, and they would be lost.
  const table = element("table", { class: "readers", role: "table", "aria-label": "The peers, and where each reads" }, [
    element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, [...header, last])]),
    list
  ])
  const more = element("p", { class: "more" })
  const nothing = element("p", { class: "nothing", text: "Nobody is here to read" })
  const rows = keyed(list, { key: ({ name }) => name, lost, make: ({ name }) => makeReader(name, stage) })
  let peers = []
  let readers = new Map()
  let removed = null
  let rest = 0
  const refresh = () => {
    rows.show(peers.map(({ hold, name }) => ({ name, hold, reader: readers.get(name), removed })))
    nothing.hidden = peers.length > 0
    table.hidden = peers.length === 0
    more.hidden = rest === 0
    setText(more, `And ${whole(rest)} more.`)
    for (const row of rows.all()) row.refresh()
  }
  return {
    root: element("div", {}, [table, nothing, more]),
    refresh,
    show(shelf) {
      readers = new Map(shelf.readers.map((reader) => [reader.by, reader]))
      removed = shelf.removed
      refresh()
    },
    know(view) {
      peers = view.peers.slice(0, maxShown)
      rest = view.peers.length - peers.length + view.more
      refresh()
    }
  }
}

const makeReader = (name, stage) => {
  let hold
  const mark = element("span", { class: "mark" })
  const text = element("span", { class: "reader-text" })
  const cells = counted.map((what) => element("td", { role: "cell", "data-count": what }))
  const hits = element("td", { role: "cell", "data-count": "hits" })
  const read = makeButton(stage, { text: "Read", "aria-label": `Have ${name} read` }, () => ({
    name: "read",
    body: { name },
    failed: `${name} did not read`,
    said: () => `${name} reads.`
  }))
  const kill = makeButton(stage, { text: "Kill", class: "danger", "aria-label": `Kill ${name}, which loads` }, () => ({
    name: "crash",
    body: { name },
    failed: `${name} was not killed`,
    said: () => `${name} has crashed. Another one loads.`
  }))
  const actions = element("td", { role: "cell", class: "queue-actions" }, [element("div", {}, [kill.root, read.root])])
  const root = element("tr", { role: "row", "data-reader": name }, [
    element("th", { scope: "row", role: "rowheader" }, [
      element("strong", { text: name }),
      " ",
      mark,
      element("small", {}, [text])
    ]),
    ...cells,
    hits,
    actions
  ])
  const refresh = () => {
    read.refresh()
    kill.refresh()
    // Who stands still would read once it is thawed, when nobody waits for it any more.
    if (hold === "frozen" || hold === "crashed") read.root.disabled = true
  }
  return {
    root,
    refresh,
    show(next) {
      hold = next.hold
      const { reader, removed } = next
      const counts = reader?.counts ?? none
      const isUnderWay = reader !== undefined && reader.tookMs === null
      root.dataset.phase = reader?.phase ?? ""
      mark.hidden = reader === undefined
      setText(mark, reader === undefined ? "" : phases[reader.phase])
      mark.dataset.phase = reader?.phase ?? ""
      setText(text, sentence(reader, hold, removed))
      counted.forEach((what, i) => {
        setText(cells[i], whole(counts[what]))
        cells[i].classList.toggle("zero", counts[what] === 0)
      })
      setText(hits, ratio(counts))
      hits.classList.toggle("zero", counts.near + counts.shared === 0)
      const canBeKilled = (hold === "running" || hold === "frozen") && isUnderWay && reader.phase === "Loads"
      kill.hide(!canBeKilled)
      refresh()
    }
  }
}

const sentence = (reader, hold, removed) => {
  const held = hold === "frozen" || hold === "crashed" ? ` (${hold})` : ""
  if (reader === undefined) return `Has not read yet${held}`
  const { askedAt, forecast, phase, tookMs, waitedMs } = reader
  if (tookMs === null) {
    const what = phase === "Loads" ? "Loads" : "Waits for an answer"
    // A load that begins late was somebody else's before.
    return phase === "Loads" && waitedMs > 1_000
      ? `Loads since ${clock(askedAt + waitedMs)}, after waiting ${duration(waitedMs)} for another${held}`
      : `${what} since ${clock(askedAt)}${held}`
  }
  const old = removed !== null && askedAt <= removed.at
  const after = phase === "Loaded" && waitedMs > 1_000 ? `, after waiting ${duration(waitedMs)} for another` : ""
  const value = `${`${forecast.degrees}`.replace("-", "−")} °C, loaded by ${forecast.by} at ${clock(forecast.at)}`
  const when = `Read at ${clock(askedAt)} in ${tookMs < 1_000 ? `${tookMs} ms` : duration(tookMs)}${after}`
  return `${old ? `Gone since ${clock(removed.at)}: ` : ""}${value}. ${when}${held}`
}
