/** What the peers keep for one another: a slow forecast that one loads for all, near hits, and what takes it away from all. */
import { clock, duration, element, setText, whole } from "../dom.js"
import { makeButton } from "../order.js"
import { makePart } from "../part.js"
import { makeReaders, ratio } from "../readers.js"

export default {
  id: "cache",
  title: "Cache",
  order: 16,
  place: "middle",
  mount({ body }, stage) {
    const desk = makeDesk(stage)
    const stale = element("p", { class: "stale" })
    stale.hidden = true
    const totals = makeTotals()
    const part = makePart("readers-heading", "Who reads where")
    const readers = makeReaders(stage, part.lost)
    part.root.append(readers.root)
    const root = element("div", { class: "sheet cache" }, [desk.root, stale, totals.root, part.root])
    body.append(root)

    let isOld = true
    const refresh = () => {
      root.dataset.old = isOld || !stage.isConnected ? "yes" : "no"
      desk.refresh()
      readers.refresh()
    }
    const show = (shelf) => {
      isOld = shelf.stale !== null
      stale.hidden = !isOld
      setText(
        stale,
        isOld
          ? `As of ${shelf.at === 0 ? "never" : clock(shelf.at)}. Who is asked loads by itself, and keeps nothing. ${shelf.stale}`
          : ""
      )
      desk.show(shelf)
      totals.show(shelf)
      readers.show(shelf)
      refresh()
    }
    stage.on("Present", (present) => {
      desk.tell(present.terms)
      readers.know(present.view)
      show(present.shelf)
    })
    stage.on("View", (view) => readers.know(view))
    stage.on("Shelf", show)
    stage.on("Connected", refresh)
    refresh()
  }
}

// -- what can be done ---------------------------------------------------------------------------------------------

const makeDesk = (stage) => {
  const about = element("p", { class: "note" })
  const kept = element("p", { class: "kept" })
  const gone = element("p", { class: "note gone-since" })
  const buttons = [
    makeButton(stage, { text: "Read on all peers at once", class: "primary" }, () => ({
      name: "read-all",
      failed: "Not all peers read",
      said: () => "All peers are asked to read."
    })),
    makeButton(stage, { text: "Invalidate", title: "What carries the tag is gone for every peer" }, () => ({
      name: "invalidate",
      failed: "Nothing was invalidated",
      said: () => "The forecast is invalid: the next to read loads it anew."
    })),
    makeButton(stage, { text: "Clear", class: "danger", title: "All of the region is gone for every peer" }, () => ({
      name: "clear",
      failed: "Nothing was cleared",
      said: () => "The region is empty: the next to read loads it anew."
    }))
  ]
  return {
    root: element("div", { class: "shelf-desk" }, [
      about,
      element(
        "div",
        { class: "orders" },
        buttons.map(({ root }) => root)
      ),
      kept,
      gone
    ]),
    tell({ leaseMs, loadMs, nearMs, timeToLiveMs }) {
      const [load, lease, near, life] = [loadMs, leaseMs, nearMs, timeToLiveMs].map((ms) => `${ms / 1_000} s`)
      setText(
        about,
        `A forecast that takes ${load} to load. It is kept for all peers for ${life}, and by each that has read it for ${near}. ` +
          `Who dies loading it is succeeded after ${lease}.`
      )
    },
    show({ leftMs, removed, stale }) {
      const isKept = leftMs !== null
      kept.dataset.kept = isKept && stale === null ? "yes" : "no"
      setText(
        kept,
        !isKept
          ? "Nothing is kept: the next to read loads it, for all who ask meanwhile."
          : `${stale === null ? "Kept" : "Was kept"} for another ${duration(leftMs)}.`
      )
      setText(gone, removed === null ? "" : `${removed.how} by ${removed.by} at ${clock(removed.at)}.`)
    },
    refresh() {
      for (const button of buttons) button.refresh()
    }
  }
}

// -- how it went --------------------------------------------------------------------------------------------------

const sums = [
  { what: "near", title: "Near", about: "this process had it" },
  { what: "shared", title: "Shared", about: "the backend had it" },
  { what: "waited", title: "Waited", about: "another was loading it" },
  { what: "loaded", title: "Loaded", about: "nobody had it" }
]

const makeTotals = () => {
  const tile = (what, title, about) => {
    const number = element("dd", { "data-sum": what, text: "0" })
    const root = element("div", {}, [element("dt", {}, [title, element("small", { text: about })]), number])
    return { root, number }
  }
  const tiles = sums.map(({ about, title, what }) => ({ what, ...tile(what, title, about) }))
  const hits = tile("hits", "Hits", "near or shared, of all")
  const round = element("p", { class: "round" })
  return {
    root: element("div", { class: "totals-and-round" }, [
      element("dl", { class: "totals", "aria-label": "Reads of all peers that were heard of here" }, [
        ...tiles.map(({ root }) => root),
        hits.root
      ]),
      round
    ]),
    show(shelf) {
      for (const { number, what } of tiles) setText(number, whole(shelf.totals[what]))
      setText(hits.number, ratio(shelf.totals))
      round.hidden = shelf.round === null
      if (shelf.round === null) return
      const { answered, asked, at, loads } = shelf.round
      setText(
        round,
        `All at once, at ${clock(at)}: ${whole(asked)} asked, ${whole(answered)} answered, ${
          loads === 0 ? "nobody had to load" : loads === 1 ? "one loaded" : `${whole(loads)} loaded`
        }.`
      )
    }
  }
}
