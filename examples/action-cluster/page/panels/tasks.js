/** The work of all peers: enqueue some, see how deep the queues are, who runs what, what is dead, and what the schedule does. */
import { clock, element, keyed, plural, setText, whole } from "../dom.js"
import { makeButton } from "../order.js"
import { makePart } from "../part.js"
import { makePlot } from "../plot.js"
import { makeQueues } from "../queues.js"

const counts = [1, 1_000, 100_000]
const handmade = ["quick", "slow", "failing", "lethal"]

export default {
  id: "tasks",
  title: "Tasks",
  order: 15,
  place: "middle",
  mount({ body }, stage) {
    const desk = makeDesk(stage)
    const plot = makePlot()
    const queues = makeQueues(stage)
    const runs = makeRuns(stage)
    const letters = makeLetters(stage)
    const ticks = makeTicks()
    const stale = element("p", { class: "stale" })
    stale.hidden = true
    const parts = [desk, queues, runs, letters]
    const root = element("div", { class: "sheet tasks" }, [
      desk.root,
      stale,
      plot.root,
      queues.root,
      element("div", { class: "pair" }, [element("div", { class: "stack" }, [runs.root, letters.root]), ticks.root])
    ])
    body.append(root)

    let samples = []
    let isOld = true
    const show = (board) => {
      if (board === null) return
      const since = board.now - 120_000
      if (board.stale === null && board.at !== samples.at(-1)?.at) samples.push(sampleOf(board))
      samples = samples.filter(({ at }) => at >= since)
      plot.show(samples, board.now)
      isOld = board.stale !== null
      stale.hidden = !isOld
      setText(stale, !isOld ? "" : `As of ${board.at === 0 ? "never" : clock(board.at)}. ${board.stale}`)
      for (const part of [queues, runs, letters, ticks]) part.show(board)
      refresh()
    }
    const refresh = () => {
      root.dataset.old = isOld || !stage.isConnected ? "yes" : "no"
      for (const part of parts) part.refresh()
    }
    stage.on("Present", (present) => {
      samples = [...present.samples]
      queues.tell(present.kind)
      runs.know(present.view)
      show(present.board)
    })
    stage.on("View", (view) => runs.know(view))
    stage.on("Board", show)
    stage.on("Connected", refresh)
    refresh()
  }
}

const sampleOf = ({ at, kinds }) => {
  const sum = (state) => kinds.reduce((sum, one) => sum + one[state], 0)
  return { at, ready: sum("ready"), delayed: sum("delayed"), claimed: sum("claimed"), dead: sum("dead") }
}

// -- enqueueing ---------------------------------------------------------------------------------------------------

const makeDesk = (stage) => {
  const note = element("p", { class: "note" })
  const choices = counts.map((count, i) =>
    element("label", { class: "choice" }, [
      element("input", { type: "radio", name: "count", value: `${count}`, checked: i === 0 }),
      element("span", { text: whole(count) })
    ])
  )
  const form = element("form", { class: "desk" })
  const buttons = handmade.map((kind) =>
    makeButton(stage, { text: `Enqueue ${kind}`, class: kind === "lethal" ? "danger" : undefined }, () => {
      const count = Number(form.elements.count.value)
      setText(note, count > 1 ? `${plural(count, `${kind} task`)} on the way…` : "")
      return {
        name: "enqueue",
        body: { kind, count },
        failed: count === 1 ? `No ${kind} task was enqueued` : `Not all ${kind} tasks were enqueued`,
        said(done) {
          const said = `${plural(done, `${kind} task`)} enqueued.`
          setText(note, said)
          return said
        },
        unsaid: () => setText(note, "")
      }
    })
  )
  form.append(
    element("fieldset", { class: "amount" }, [element("legend", { text: "How many" }), ...choices]),
    note,
    element(
      "div",
      { class: "orders" },
      buttons.map(({ root }) => root)
    )
  )
  form.addEventListener("submit", (event) => event.preventDefault())
  return { root: form, refresh: () => buttons.forEach(({ refresh }) => refresh()) }
}

// -- who runs what ------------------------------------------------------------------------------------------------

const makeRuns = (stage) => {
  const { lost, root } = makePart("runs-heading", "Who runs what")
  const list = element("ul", { class: "runs" })
  const nothing = element("p", { class: "nothing", text: "Nobody runs anything" })
  const more = element("p", { class: "more" })
  root.append(nothing, list, more)
  let peers = new Map()
  const rows = keyed(list, {
    key: ({ id, kind }) => `${kind} ${id}`,
    lost,
    make: (run) => makeRun(run, stage, (name) => peers.get(name))
  })
  const refresh = () => {
    for (const row of rows.all()) row.refresh()
  }
  return {
    root,
    refresh,
    show({ kinds, runs }) {
      rows.show(runs)
      nothing.hidden = runs.length > 0
      const rest = kinds.reduce((sum, { claimed }) => sum + claimed, 0) - runs.length
      more.hidden = rest <= 0
      setText(more, `And ${whole(rest)} more.`)
    },
    know(view) {
      peers = new Map(view.peers.map((peer) => [peer.name, peer]))
      refresh()
    }
  }
}

const makeRun = (first, stage, peerOf) => {
  let run = first
  const { kind, title } = first
  // What is over in no time cannot be aimed at.
  const canBeHarmed = kind !== "quick" && kind !== "tick"
  const by = element("span", { class: "run-peer" })
  const mark = element("span", { class: "mark" })
  const progress = element("progress", { max: "1", "aria-label": `Progress of ${title}` })
  const kill = makeButton(stage, { class: "danger" }, () => ({
    name: "crash",
    body: { name: run.peer },
    failed: `${run.peer} was not killed`,
    said: () => `${run.peer} has crashed. What it ran comes back.`
  }))
  const cancel = makeButton(stage, { text: "Cancel", "aria-label": `Cancel ${title}` }, () => ({
    name: "cancel",
    body: { kind, id: run.id },
    failed: `${title} was not cancelled`,
    said: (done) => (done ? `${title} is cancelled.` : `${title} is over already.`)
  }))
  const actions = element("span", { class: "run-actions" }, [kill.root, cancel.root])
  const root = element("li", { "data-kind": kind, "data-task": title }, [
    element("span", { class: "run-what" }, [element("strong", { text: title }), mark, by, progress]),
    actions
  ])
  const refresh = () => {
    const hold = peerOf(run.peer)?.hold
    const isOurs = hold === "running" || hold === "frozen"
    setText(by, hold === "frozen" || hold === "crashed" ? `${run.peer} (${hold})` : run.peer)
    setText(kill.root, `Kill ${run.peer}`)
    kill.root.setAttribute("aria-label", `Kill ${run.peer}, which runs ${title}`)
    kill.hide(!isOurs)
    actions.hidden = !canBeHarmed
    kill.refresh()
    cancel.refresh()
  }
  return {
    root,
    refresh,
    show(next) {
      run = next
      const again = run.isRecovered ? "recovered, " : ""
      mark.hidden = run.attempt === 1
      mark.classList.toggle("recovered", run.isRecovered)
      setText(mark, `${again}attempt ${run.attempt}`)
      progress.hidden = run.of === null
      if (run.of !== null) progress.value = run.done / run.of
      refresh()
    }
  }
}

// -- what the schedule did, and how runs went ---------------------------------------------------------------------

const hows = { Done: "done by", Failed: "failed on", Crashes: "crashed" }

const makeTicks = () => {
  const schedule = makePart("schedule-heading", "Every ten seconds")
  const lately = makePart("lately-heading", "Lately")
  const show = (part, text, row) => {
    const nothing = element("p", { class: "nothing", text })
    const list = element("ol", { class: "outcomes" })
    part.root.append(nothing, list)
    let last
    return (outcomes) => {
      const now = JSON.stringify(outcomes)
      if (now === last) return
      last = now
      nothing.hidden = outcomes.length > 0
      list.replaceChildren(...outcomes.map(row))
    }
  }
  const time = (at) => element("time", { datetime: new Date(at).toISOString(), text: clock(at) })
  const attempts = (attempt) => (attempt === 1 ? "" : `, attempt ${attempt}`)
  const showFirings = show(schedule, "No tick yet", ({ attempt, by, title }) =>
    element("li", {}, [
      time(Number.isNaN(Date.parse(title)) ? 0 : Date.parse(title)),
      element("span", { text: `run by ${by}${attempts(attempt)}` })
    ])
  )
  const showOutcomes = show(lately, "No single task has ended yet", ({ at, attempt, by, how, title }) =>
    element("li", { "data-how": how }, [
      time(at),
      element("span", {}, [element("strong", { text: title }), ` ${hows[how]} ${by}${attempts(attempt)}`])
    ])
  )
  return {
    root: element("div", { class: "stack" }, [schedule.root, lately.root]),
    show({ firings, outcomes }) {
      showFirings(firings)
      showOutcomes(outcomes)
    }
  }
}

// -- dead letters -------------------------------------------------------------------------------------------------

const reasons = {
  AttemptsExhausted: ({ attempts, error }) => `failed ${attempts === 1 ? "once" : `${attempts} times`}: ${error}`,
  PeerCrashes: ({ attempts }) => `${attempts} peers crashed over it`,
  Undecodable: () => "nobody could read it",
  Rejected: ({ error }) => `another try would not help: ${error}`
}

const makeLetters = (stage) => {
  const redrive = makeButton(stage, { text: "Redrive all" }, () => ({
    name: "redrive-all",
    failed: "Not all dead letters were redriven",
    said: (done) => `${plural(done)} sent back to work.`
  }))
  const purge = makeButton(stage, { text: "Purge all", class: "danger" }, () => ({
    name: "purge-dead",
    failed: "Not all dead letters were purged",
    said: (done) => `${plural(done, "dead letter")} removed.`
  }))
  const orders = element("span", { class: "part-orders" }, [redrive.root, purge.root])
  const { lost, root } = makePart("letters-heading", "Dead letters", [orders])
  const list = element("ul", { class: "letters" })
  const nothing = element("p", { class: "nothing", text: "Nothing is dead" })
  const more = element("p", { class: "more" })
  root.append(nothing, list, more)
  const rows = keyed(list, {
    key: ({ id, kind }) => `${kind} ${id}`,
    lost,
    make: (letter) => makeLetter(letter, stage)
  })
  return {
    root,
    show({ kinds, letters }) {
      const all = kinds.reduce((sum, { dead }) => sum + dead, 0)
      nothing.hidden = all > 0
      if (orders.contains(document.activeElement) && all === 0) lost()
      orders.hidden = all === 0
      rows.show(letters)
      more.hidden = all <= letters.length
      setText(more, `And ${whole(all - letters.length)} more.`)
    },
    refresh() {
      redrive.refresh()
      purge.refresh()
      for (const row of rows.all()) row.refresh()
    }
  }
}

const makeLetter = (first, stage) => {
  const { kind, title } = first
  const why = element("span", { class: "letter-why" })
  const died = element("time")
  const redrive = makeButton(stage, { text: "Redrive", "aria-label": `Redrive ${title}` }, () => ({
    name: "redrive",
    body: { kind, id: first.id },
    failed: `${title} was not redriven`,
    said: (done) => (done === 0 ? `${title} is not dead any more.` : `${title} was sent back to work.`)
  }))
  const root = element("li", { "data-kind": kind, "data-task": title }, [
    element("strong", { text: title }),
    why,
    died,
    redrive.root
  ])
  return {
    root,
    show(letter) {
      setText(why, (reasons[letter.reason] ?? (() => letter.reason))(letter))
      died.setAttribute("datetime", new Date(letter.diedAt).toISOString())
      setText(died, clock(letter.diedAt))
    },
    refresh: redrive.refresh
  }
}
