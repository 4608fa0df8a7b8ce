/** The queues, one for each kind of task: what it is, how deep it is, and what can be done with all of it. */
import { element, plural, setText, whole } from "./dom.js"
import { makeButton } from "./order.js"

const abouts = {
  quick: "Takes 25 ms; a peer runs sixteen at a time.",
  slow: "Takes eight seconds and says how far it is; a peer runs two at a time.",
  failing: "Fails each of its three attempts, two seconds apart, and is dead.",
  lethal: {
    memory: "Crashes the peer that runs it; after the third one it is dead.",
    redis: "Run by spawned peers only, and kills their process; after the third one it is dead."
  },
  tick: "Enqueued every ten seconds by a schedule: once, however many peers keep it."
}
const kinds = Object.keys(abouts)
const columns = ["ready", "delayed", "claimed", "dead"]

/** `show` them as a board has them; `tell` what the cluster lives on. */
export const makeQueues = (stage) => {
  const rows = new Map(kinds.map((kind) => [kind, makeQueue(kind, stage)]))
  const header = ["Kind", "Ready", "Delayed", "Claimed", "Dead"].map((text) =>
    element("th", { scope: "col", role: "columnheader", text })
  )
  const last = element("th", { scope: "col", role: "columnheader" }, [
    element("span", { class: "visually-hidden", text: "Orders" })
  ])
  // The roles are said aloud: on a phone this is not laid out as a table, and they would be lost.
  const table = element(
    "table",
    { class: "queues", role: "table", "aria-label": "The queues, one for each kind of task" },
    [
      element("thead", { role: "rowgroup" }, [element("tr", { role: "row" }, [...header, last])]),
      element(
        "tbody",
        { role: "rowgroup" },
        [...rows.values()].map(({ root }) => root)
      )
    ]
  )
  return {
    root: table,
    show(board) {
      for (const one of board.kinds) rows.get(one.kind)?.show(one)
    },
    tell(backend) {
      for (const [kind, row] of rows) row.tell(abouts[kind][backend] ?? abouts[kind])
    },
    refresh() {
      for (const row of rows.values()) row.refresh()
    }
  }
}

const makeQueue = (kind, stage) => {
  let isPaused = false
  const about = element("small")
  const mark = element("span", { class: "mark", text: "paused" })
  mark.hidden = true
  const cells = columns.map((state) => element("td", { role: "cell", "data-state": state, text: "0" }))
  const pause = makeButton(stage, { text: "Pause", "aria-label": `Pause ${kind}` }, () =>
    isPaused
      ? { name: "resume", body: { kind }, failed: `${kind} was not resumed`, said: () => `${kind} goes on.` }
      : { name: "pause", body: { kind }, failed: `${kind} was not paused`, said: () => `${kind} is paused.` }
  )
  const purge = makeButton(stage, { text: "Purge", "aria-label": `Purge ${kind}` }, () => ({
    name: "purge",
    body: { kind },
    failed: `${kind} was not purged`,
    said: (done) => `${plural(done, `${kind} task`)} removed.`
  }))
  purge.root.title = "Removes what is ready or delayed"
  const actions = element("td", { role: "cell", class: "queue-actions" }, [
    element("div", {}, [pause.root, purge.root])
  ])
  const name = element("th", { scope: "row", role: "rowheader" }, [element("strong", { text: kind }), " ", mark, about])
  return {
    root: element("tr", { role: "row", "data-kind": kind }, [name, ...cells, actions]),
    show(one) {
      isPaused = one.paused
      mark.hidden = !isPaused
      setText(pause.root, isPaused ? "Resume" : "Pause")
      pause.root.setAttribute("aria-label", `${pause.root.textContent} ${kind}`)
      columns.forEach((state, i) => {
        setText(cells[i], whole(one[state]))
        cells[i].classList.toggle("zero", one[state] === 0)
      })
    },
    tell: (text) => setText(about, text),
    refresh() {
      pause.refresh()
      purge.refresh()
    }
  }
}
