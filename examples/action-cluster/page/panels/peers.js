/** Who is there: a card for each peer, with its beat, what it says of itself, and what it has heard. */
import { clock, duration, element, setText } from "../dom.js"

const maxLines = 20
/** Peers that have left and whose lines are still kept, should they come back. */
const maxSilent = 24

export default {
  id: "peers",
  title: "Peers",
  order: 10,
  place: "middle",
  mount({ head, body }, stage) {
    const count = element("span", { class: "count", "aria-live": "off" })
    const spawn = element("button", { type: "button", class: "primary", id: "spawn", text: "Spawn a peer" })
    head.append(count, spawn)
    const legend = element("p", { class: "legend" })
    const grid = element("ul", { class: "cards" })
    const empty = element("p", { class: "empty", text: "Nobody is here. Spawn a peer to begin." })
    empty.hidden = true
    const more = element("p", { class: "more" })
    more.hidden = true
    body.append(legend, grid, more, empty)

    const cards = new Map()
    const heard = new Map()
    let times
    let limit = Infinity
    let isSpawning = false

    const refresh = () => {
      const started = [...cards.values()].filter(({ hold }) => hold === "running" || hold === "frozen").length
      spawn.disabled = isSpawning || !stage.isConnected || started >= limit
      setText(spawn, isSpawning ? "Spawning…" : "Spawn a peer")
      spawn.title = started >= limit ? `This program starts no more than ${limit} peers` : ""
      for (const card of cards.values()) card.refresh()
    }

    spawn.addEventListener("click", async () => {
      isSpawning = true
      refresh()
      const done = await stage.command("spawn", {}, "No peer was spawned")
      isSpawning = false
      refresh()
      // A disabled button loses the focus; whoever had it goes on from here.
      if (document.activeElement === document.body) spawn.focus({ preventScroll: true })
      if (done) stage.say("A peer has joined.")
    })

    const show = (view) => {
      const there = new Set(view.peers.map(({ name }) => name))
      for (const [name, card] of cards) {
        if (there.has(name)) continue
        if (card.root.contains(document.activeElement)) spawn.focus({ preventScroll: true })
        card.root.remove()
        cards.delete(name)
      }
      for (const peer of view.peers) {
        let card = cards.get(peer.name)
        if (card === undefined) {
          card = makeCard(peer, times, stage)
          cards.set(peer.name, card)
          for (const line of heard.get(peer.name) ?? []) card.hear(line)
        }
        card.show(peer)
      }
      // A card that is moved loses the focus: only what stands wrong is moved.
      view.peers.forEach(({ name }, i) => {
        const { root } = cards.get(name)
        if (grid.children[i] === root) return
        const focused = root.contains(document.activeElement) ? document.activeElement : undefined
        grid.insertBefore(root, grid.children[i] ?? null)
        focused?.focus({ preventScroll: true })
      })
      setText(count, `${view.peers.filter(({ state }) => state !== "Gone").length + view.more}`)
      more.hidden = view.more === 0
      setText(more, `And ${view.more} more.`)
      empty.hidden = view.peers.length > 0
      refresh()
    }

    const hear = (line) => {
      const lines = heard.get(line.by) ?? []
      if (lines.length > 0 && line.number <= lines.at(-1).number) return
      heard.delete(line.by)
      heard.set(line.by, [...lines, line].slice(-maxLines))
      if (heard.size > maxSilent) heard.delete(heard.keys().next().value)
      cards.get(line.by)?.hear(line)
    }

    stage.on("Present", (present) => {
      times = present.times
      limit = present.maxPeers
      const [beat, suspect, down] = [times.heartbeatMs, times.suspectAfterMs, times.downAfterMs].map((ms) => ms / 1_000)
      setText(
        legend,
        `Each beats every ${beat} s, is suspected after ${suspect} s of silence, and gone after ${down} s.`
      )
      heard.clear()
      for (const card of cards.values()) card.forget()
      for (const line of present.lines) hear(line)
      show(present.view)
    })
    stage.on("View", show)
    stage.on("Line", hear)
    stage.on("Connected", refresh)

    // Ages go on between two words of the program; who wants less motion gets them by the second.
    const calm = matchMedia("(prefers-reduced-motion: reduce)")
    let turn = 0
    setInterval(() => {
      if (calm.matches && turn++ % 5 !== 0) return
      for (const card of cards.values()) card.tick()
    }, 200)
  }
}

const holds = {
  frozen: "Frozen: its event loop stands still",
  crashed: "Crashed: the others have yet to find out",
  own: "The peer that serves this page",
  foreign: "Started elsewhere"
}

const makeCard = (first, times, stage) => {
  const title = element("h3", { text: first.name, title: first.name, tabindex: "-1" })
  const leader = element("span", { class: "badge", text: "Director" })
  leader.hidden = true
  const state = element("span", { class: "state" })
  const pulse = element("span", { class: "pulse", "aria-hidden": "true" })
  const age = element("span", { class: "age" })
  const fill = element("i")
  const track = element("span", { class: "track", "aria-hidden": "true" }, [fill, element("b")])
  const hold = element("p", { class: "hold" })
  const facts = element("dl", { class: "facts" })
  const freeze = element("button", { type: "button" })
  const crash = element("button", {
    type: "button",
    class: "danger",
    text: "Crash",
    "aria-label": `Crash ${first.name}`
  })
  const actions = element("div", { class: "actions" }, [freeze, crash])
  const wire = element("ol", { class: "wire", tabindex: "0", "aria-label": `What ${first.name} has heard` })
  const nothing = element("p", { class: "nothing", text: "Has heard nothing yet" })
  const root = element("li", { class: "card", "data-peer": first.name }, [
    element("div", { class: "card-head" }, [pulse, title, state]),
    element("div", { class: "beat" }, [element("div", { class: "beat-head" }, [age, leader]), track]),
    element("div", { class: "about" }, [hold, facts]),
    actions,
    element("div", { class: "heard" }, [element("h4", { text: "Heard" }), nothing, wire])
  ])
  track.style.setProperty("--suspect-at", `${(100 * times.suspectAfterMs) / times.downAfterMs}%`)

  let peer = first
  let saidAt = performance.now()
  let isBusy = false

  const ask = async (name, whatFor, said) => {
    const focused = document.activeElement
    isBusy = true
    card.refresh()
    const done = await stage.command(name, { name: peer.name }, whatFor)
    isBusy = false
    card.refresh()
    // A button that was disabled or is gone has lost the focus: whoever had it goes on from this card.
    if (document.activeElement === document.body && root.isConnected) {
      ;(actions.hidden || !actions.contains(focused) ? title : focused).focus({ preventScroll: true })
    }
    if (done) stage.say(said)
  }
  freeze.addEventListener("click", () =>
    peer.hold === "frozen"
      ? ask("thaw", `${peer.name} was not thawed`, `${peer.name} goes on.`)
      : ask("freeze", `${peer.name} was not frozen`, `${peer.name} stands still.`)
  )
  crash.addEventListener("click", () => ask("crash", `${peer.name} was not crashed`, `${peer.name} has crashed.`))

  const card = {
    root,
    get hold() {
      return peer.hold
    },
    show(next) {
      if (next.lastSeenAt !== peer.lastSeenAt) {
        pulse.classList.remove("beats")
        // Reading a measure lets the animation begin anew.
        void pulse.offsetWidth
        pulse.classList.add("beats")
      }
      peer = next
      saidAt = performance.now()
      root.dataset.state = peer.hold === "crashed" || peer.hold === "frozen" ? peer.hold : peer.state
      leader.hidden = !peer.isLeader
      state.dataset.state = peer.state
      setText(state, peer.state)
      const text = peer.state === "Gone" ? "The others have given it up. Thawed, it joins anew" : holds[peer.hold]
      hold.hidden = text === undefined
      setText(hold, text ?? "")
      showFacts(facts, peer)
      card.tick()
    },
    refresh() {
      const isOurs = peer.hold === "running" || peer.hold === "frozen"
      if (!isOurs && actions.contains(document.activeElement)) title.focus({ preventScroll: true })
      actions.hidden = !isOurs
      freeze.disabled = crash.disabled = isBusy || !stage.isConnected
      setText(freeze, peer.hold === "frozen" ? "Thaw" : "Freeze")
      freeze.setAttribute("aria-label", `${freeze.textContent} ${peer.name}`)
    },
    tick() {
      const silent = peer.age + (performance.now() - saidAt)
      setText(age, `Last beat ${duration(silent)} ago`)
      fill.style.setProperty("width", `${Math.min(100, (100 * silent) / times.downAfterMs)}%`)
      track.dataset.late = silent > times.suspectAfterMs ? "yes" : "no"
    },
    forget() {
      wire.replaceChildren()
      nothing.hidden = false
    },
    hear(line) {
      nothing.hidden = true
      wire.prepend(makeLine(line))
      while (wire.childElementCount > maxLines) wire.lastElementChild.remove()
    }
  }
  return card
}

const showFacts = (facts, { id, metadata }) => {
  const text = JSON.stringify([id, metadata])
  if (facts.dataset.text === text) return
  facts.dataset.text = text
  facts.replaceChildren(
    // A peer that joins anew has a new id: the first letters are enough to see it.
    element("div", {}, [
      element("dt", { text: "id" }),
      element("dd", { class: "id", title: id, text: id.slice(0, 10) })
    ]),
    ...Object.entries(metadata).map(([name, value]) =>
      element("div", {}, [element("dt", { text: name }), element("dd", {}, [fact(name, value)])])
    )
  )
}

/** A peer may say where its page is. Anyone may say anything: only a web address becomes a link. */
const fact = (name, value) => {
  if (name !== "page" || !URL.canParse(value)) return value
  const { href, protocol } = new URL(value)
  return protocol === "http:" || protocol === "https:" ? element("a", { href, rel: "noreferrer", text: value }) : value
}

const gaps = {
  Disconnected: "its connection was replaced",
  SlowConsumer: "it was too slow",
  HistoryTrimmed: "it was away for longer than is kept",
  EpochChanged: "the channel was forgotten",
  Rewound: "the backend lost its last messages",
  Undecodable: "a message makes no sense"
}

const makeLine = ({ at, channel, what }) => {
  const time = element("time", { datetime: new Date(at).toISOString(), text: clock(at) })
  if (what._tag === "Gap") {
    const missed = what.missed === undefined ? "perhaps something was missed" : `${what.missed} missed`
    return element("li", { class: "gap", "data-channel": channel }, [
      element("span", { class: "line-head" }, [element("span", { class: "channel", text: channel }), time]),
      element("span", { class: "line-text", text: `Gap: ${missed}, ${gaps[what.reason] ?? what.reason}` })
    ])
  }
  return element("li", { class: "line", "data-channel": channel }, [
    element("span", { class: "line-head" }, [
      element("span", { class: "channel", text: channel }),
      element("span", { class: "from", text: what.from }),
      element("span", { class: "sequence", text: `#${what.sequence}` }),
      time
    ]),
    element("span", { class: "line-text", text: what.text })
  ])
}
