/**
 * The page: it puts the panels in their places, hears what the program tells and hands it to them, and sends what they
 * want done. A panel is one file in `panels/`; it says where it stands and is given `stage`, below.
 */
import { element } from "./dom.js"
import { follow } from "./feed.js"

const $ = (id) => document.getElementById(id)
const main = $("main")

// -- what a panel is given ----------------------------------------------------------------------------------------

const listeners = new Map()
let isConnected = false

const stage = {
  /** Calls back with every event of that kind: Present, View, Line, Happening, Board, Shelf, Ledger, and Connected (true or false). */
  on(kind, listener) {
    listeners.set(kind, [...(listeners.get(kind) ?? []), listener])
  },
  /** Has something done. Gives the answer once it is; where it cannot be, the page says why, and the answer is false. */
  async command(name, body, whatFor) {
    try {
      const response = await fetch(`commands/${name}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body)
      })
      if (response.ok) return await response.json()
      const { message } = await response.json().catch(() => ({ message: `The answer was ${response.status}.` }))
      stage.complain(`${whatFor}: ${message}`)
    } catch {
      stage.complain(`${whatFor}: the program did not answer.`)
    }
    return false
  },
  /** Shows an error until it is dismissed. */
  complain(message) {
    const dismiss = element("button", { type: "button", class: "quiet", text: "Dismiss" })
    const error = element("p", { class: "error" }, [element("span", { text: message }), dismiss])
    dismiss.addEventListener("click", () => {
      error.remove()
      main.focus({ preventScroll: true })
    })
    const errors = $("errors")
    errors.append(error)
    while (errors.childElementCount > maxErrors) errors.firstElementChild.remove()
  },
  /** Says something to who does not see the page. */
  say(message) {
    $("said").textContent = message
  },
  get isConnected() {
    return isConnected
  }
}

const maxErrors = 3

const tell = (kind, value) => {
  for (const listener of listeners.get(kind) ?? []) listener(value)
}

// -- what stands above the panels ---------------------------------------------------------------------------------

const light = (id, state, text) => {
  const item = $(id)
  item.hidden = false
  item.dataset.state = state
  item.firstElementChild.textContent = text
}

const backends = { Up: "Redis is up", Degraded: "Redis answers in part", Down: "Redis is away" }

const showView = (view, kind) => {
  if (kind === "redis") light("light-backend", view.backend, backends[view.backend])
  banner.view = view.stale
  showBanner()
}

const banner = { connection: null, view: null }
const showBanner = () => {
  const text = banner.connection ?? banner.view
  if ($("banner").textContent !== (text ?? "")) $("banner").textContent = text ?? ""
  $("banner").hidden = text === null
  document.body.dataset.stale = text === null ? "no" : "yes"
}

const wheres = {
  memory: "Every peer lives in this one process",
  redis: "Every peer is a process, and they meet on Redis"
}

let kind
stage.on("Present", (present) => {
  kind = present.kind
  $("where").textContent = wheres[kind]
  showView(present.view, kind)
})
stage.on("View", (view) => showView(view, kind))
stage.on("Connected", (connected) => {
  isConnected = connected
  light("light-page", connected ? "Up" : "Down", connected ? "Connected" : "Not connected")
})

// -- life ---------------------------------------------------------------------------------------------------------

const mount = async () => {
  const files = await (await fetch("panels.json")).json()
  const panels = (await Promise.all(files.map((file) => import(`./panels/${file}`)))).map((module) => module.default)
  // What is watched stands in the middle, what is done and noted at its side.
  const columns = { middle: element("div", { class: "column" }), side: element("div", { class: "column" }) }
  main.append(columns.middle, columns.side)
  for (const panel of panels.sort((a, b) => a.order - b.order)) {
    const heading = element("h2", { id: `${panel.id}-heading`, text: panel.title })
    const head = element("div", { class: "panel-head" }, [heading])
    const body = element("div", { class: "panel-body" })
    columns[panel.place].append(
      element("section", { class: "panel", id: panel.id, "aria-labelledby": heading.id }, [head, body])
    )
    panel.mount({ head, body }, stage)
  }
}

try {
  await mount()
  follow({
    event: (event) => {
      if (event._tag === "Present") tell("Present", event)
      else tell(event._tag, event.view ?? event.line ?? event.happening ?? event.board ?? event.shelf ?? event.ledger)
    },
    connected: (problem) => {
      banner.connection = problem
      showBanner()
      tell("Connected", problem === null)
    }
  })
} catch (error) {
  banner.connection = `The page could not be put together: ${error.message}. Reload it to try again.`
  showBanner()
  light("light-page", "Down", "Not connected")
}
