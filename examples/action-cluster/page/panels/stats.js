/** What all peers count: the sums of all of them, by the minute, and what each has counted. */
import { makeBars } from "../bars.js"
import { clock, element, keyed, setText, whole } from "../dom.js"
import { makeButton } from "../order.js"
import { makePart } from "../part.js"

const counters = [
  { name: "messages published", title: "Published", about: "messages that peers said", short: "published" },
  { name: "messages heard", title: "Heard", about: "messages, once by each who hears", short: "heard" },
  { name: "tasks done", title: "Done", about: "tasks that went well", short: "done" },
  { name: "attempts failed", title: "Failed", about: "attempts at tasks", short: "failed" },
  { name: "cache loads", title: "Loads", about: "of the cached forecast", short: "loads" },
  { name: "cache hits", title: "Hits", about: "forecasts found, near or shared", short: "hits" },
  { name: "words said", title: "Said", about: "words in rooms", short: "said" },
  { name: "fortunes told", title: "Fortunes", about: "that were asked for in a room", short: "told" }
]

export default {
  id: "stats",
  title: "Stats",
  order: 17,
  place: "middle",
  mount({ body }, stage) {
    const desk = makeDesk(stage)
    const stale = element("p", { class: "stale" })
    stale.hidden = true
    const sums = makeSums()
    const counts = makeCounts()
    const root = element("div", { class: "sheet stats" }, [desk.root, stale, sums.root, counts.root])
    body.append(root)

    let isOld = true
    const refresh = () => {
      root.dataset.old = isOld || !stage.isConnected ? "yes" : "no"
      desk.refresh()
    }
    const show = (ledger) => {
      if (ledger === null) return
      isOld = ledger.stale !== null
      stale.hidden = !isOld
      setText(
        stale,
        isOld
          ? `As of ${ledger.at === 0 ? "never" : clock(ledger.at)}. What is counted meanwhile waits. ${ledger.stale}`
          : ""
      )
      sums.show(ledger)
      counts.show(ledger)
      refresh()
    }
    stage.on("Present", (present) => {
      desk.tell(present.kind)
      show(present.ledger)
    })
    stage.on("Ledger", show)
    stage.on("Connected", refresh)
    refresh()
  }
}

// -- what can be done ---------------------------------------------------------------------------------------------

const flushes = { memory: "Flush", redis: "Flush this process" }

const makeDesk = (stage) => {
  const flush = makeButton(stage, { text: flushes.memory }, () => ({
    name: "flush",
    failed: "Not everything was flushed",
    said: () => "What was counted is flushed."
  }))
  const reset = makeButton(stage, { text: "Reset all", class: "danger" }, () => ({
    name: "reset",
    failed: "Not all counters were reset",
    said: () => "All counters begin anew."
  }))
  return {
    root: element("div", { class: "stats-desk" }, [
      element("p", {
        class: "note",
        text: "Counting costs no round trip: each peer sends its sums about once a second. Who is killed loses what it has not sent; what it has sent stays."
      }),
      element("div", { class: "orders" }, [flush.root, reset.root])
    ]),
    tell: (kind) => setText(flush.root, flushes[kind]),
    refresh() {
      flush.refresh()
      reset.refresh()
    }
  }
}

// -- all of them --------------------------------------------------------------------------------------------------

const makeSums = () => {
  const tiles = counters.map(({ about, name, title }) => {
    const number = element("dd", { "data-counter": name, text: "0" })
    const bars = makeBars(title)
    return {
      number,
      bars,
      root: element("div", {}, [
        element("dt", {}, [title, element("small", { text: about })]),
        number,
        element("dd", {}, [bars.root])
      ])
    }
  })
  return {
    root: element(
      "dl",
      { class: "totals sums", "aria-label": "Counted by all peers" },
      tiles.map(({ root }) => root)
    ),
    show(ledger) {
      tiles.forEach(({ bars, number }, i) => {
        const counter = ledger.counters.find(({ name }) => name === counters[i].name)
        if (counter === undefined) return
        setText(number, whole(counter.total))
        bars.show(counter.minutes, ledger.since)
      })
    }
  }
}

// -- each of them -------------------------------------------------------------------------------------------------

const makeCounts = () => {
  const part = makePart("counts-heading", "Who counted what")
  const list = element("tbody", { role: "rowgroup" })
  const header = ["Peer", ...counters.map(({ short }) => short)].map((text) =>
    element("th", { scope: "col", role: "columnheader", text })
  )
  // The roles are said aloud: on a phone this is not laid out as a table, and they would be lost.
  const table = element(
    "table",
    { class: "readers counts", role: "table", "aria-label": "What each peer has counted" },
    [element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, header)]), list]
  )
  const nothing = element("p", { class: "nothing", text: "Nothing is counted yet" })
  const more = element("p", { class: "more" })
  part.root.append(nothing, table, more)
  const rows = keyed(list, { key: ({ isGone, name }) => `${isGone} ${name}`, lost: part.lost, make: makeRow })
  return {
    root: part.root,
    show(ledger) {
      rows.show(ledger.peers)
      table.hidden = ledger.peers.length === 0
      nothing.hidden = !table.hidden
      more.hidden = ledger.more === 0
      setText(more, `And ${whole(ledger.more)} more.`)
    }
  }
}

const makeRow = ({ isGone, name }) => {
  const cells = counters.map(({ short }) => element("td", { role: "cell", "data-count": short }))
  const about = isGone ? [element("small", { text: "those that have left or were killed, together" })] : []
  const root = element("tr", { role: "row", "data-counts": name }, [
    element("th", { scope: "row", role: "rowheader" }, [element("strong", { text: name }), ...about]),
    ...cells
  ])
  return {
    root,
    show({ sums }) {
      cells.forEach((cell, i) => {
        setText(cell, whole(sums[i]))
        cell.classList.toggle("zero", sums[i] === 0)
      })
    }
  }
}
