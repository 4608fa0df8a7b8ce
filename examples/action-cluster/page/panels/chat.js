/** Rooms to talk in, with whoever else has this page open, on this peer or another. */
import { element, setText } from "../dom.js"
import { addresses, arrived, move } from "../elsewhere.js"
import { makeHall } from "../hall.js"
import { makeTalk, newSeat } from "../talk.js"

const rooms = [
  { name: "lobby", about: "Everybody meets here." },
  { name: "workshop", about: "A second room, for everybody too." },
  { name: "vault", about: "Private: its middleware asks for a word, and refuses strangers.", isPrivate: true }
]
const maxName = 24
/** For so long a process that is away may come back before the page goes elsewhere. */
const patience = 1_500

export default {
  id: "chat",
  title: "Chat",
  order: 12,
  place: "middle",
  mount({ body }, stage) {
    const luggage = suitable(arrived())
    const seat = luggage?.seat ?? newSeat()
    let number = luggage?.number ?? 0
    let view = { peers: [] }
    let kind
    let state = "closed"
    let lostAt
    let movedAt = -Infinity

    // -- who talks, and with whom

    const user = element("input", {
      id: "chat-user",
      maxlength: `${maxName}`,
      autocomplete: "nickname",
      spellcheck: "false"
    })
    user.value = luggage?.user ?? remembered() ?? `guest-${newSeat().slice(0, 4)}`
    const peer = element("select", { id: "chat-peer" })
    const link = element("p", { class: "chat-link", role: "status" })
    const desk = element("div", { class: "chat-desk" }, [
      element("div", { class: "field" }, [element("label", { for: user.id, text: "Your name" }), user]),
      element("div", { class: "field" }, [element("label", { for: peer.id, text: "Talk to" }), peer]),
      link
    ])

    // -- the rooms

    let shown = luggage?.shown ?? rooms[0].name
    const halls = new Map(
      rooms.map((room) => [
        room.name,
        makeHall(room, {
          enter(hall) {
            if (user.value.trim() === "") {
              hall.refuse("A name is needed.")
              user.focus({ preventScroll: true })
              return
            }
            remember(user.value.trim())
            hall.wanted = hall.isEntering = true
            if (state === "open") join(hall)
            else if (state === "closed") connect()
            refresh()
          },
          leave(hall) {
            hall.wanted = hall.isIn = false
            hall.after = null
            hall.said = undefined
            hall.room.line.refused("")
            talk.ask({ _tag: "Leave", room: hall.name })
            if (wanted().length === 0) disconnect()
            refresh()
            hall.focus()
          },
          say(hall, text) {
            if (hall.said?.text !== text) hall.said = { text, number: ++number }
            send(hall)
          },
          show(hall) {
            shown = hall.name
            refresh()
          }
        })
      ])
    )

    const tabs = element(
      "div",
      { class: "halls", role: "group", "aria-label": "Rooms" },
      [...halls.values()].map(({ tab }) => tab)
    )
    const curl = element("p", { class: "note chat-curl" }, [
      "From a terminal: ",
      element("code", { text: `curl -d user=me -d text=hello ${location.origin}/chat/lobby` })
    ])
    const root = element("div", { class: "sheet chat" }, [
      desk,
      tabs,
      ...[...halls.values()].map(({ root }) => root),
      curl
    ])
    body.append(root)

    // -- talking

    const wanted = () => [...halls.values()].filter((hall) => hall.wanted)
    const talk = makeTalk({
      seat,
      peer: () => (kind === "memory" ? peer.value || undefined : undefined),
      told: (told) => (told._tag in heard ? heard[told._tag](told) : undefined),
      opened() {
        state = "open"
        lostAt = undefined
        for (const hall of wanted()) join(hall)
        refresh()
      },
      lost() {
        state = "lost"
        lostAt ??= performance.now()
        for (const hall of halls.values()) hall.isIn = false
        choose()
        goElsewhere()
        refresh()
      }
    })
    const connect = () => {
      state = "connecting"
      talk.open()
      refresh()
    }
    const disconnect = () => {
      talk.close()
      state = "closed"
      lostAt = undefined
    }
    const join = (hall) => {
      clearTimeout(hall.timer)
      const { after, name: room, word } = hall
      talk.ask({ _tag: "Join", room, user: user.value, word, after })
    }
    const joinSoon = (hall, ms) => {
      clearTimeout(hall.timer)
      hall.timer = setTimeout(() => {
        if (hall.wanted && !hall.isIn && state === "open") join(hall)
      }, ms)
    }
    const turnAway = (hall, why) => {
      hall.wanted = false
      refresh()
      if (!hall.refuse(why) && hall.isEntering) user.focus({ preventScroll: true })
      hall.isEntering = false
    }
    /** Under its number it is said once, however often it is sent. */
    const send = ({ name: room, said }) => talk.ask({ _tag: "Say", room, ...said })

    const heard = {
      In({ room, words }) {
        const hall = halls.get(room)
        if (!hall.wanted) return
        hall.isIn = true
        hall.trouble("")
        if (words !== null) {
          hall.room.begin(words)
          if (isTorn(hall.seen, words)) heard.Gap({ missed: null, room, why: "not everything is kept" })
          hall.seen = null
          hall.after = words.at(-1)?.position ?? null
        }
        if (hall.name === "vault") hall.room.note("You know the word.")
        if (hall.said !== undefined && hall.room.line.draft.isUnderWay) send(hall)
        refresh()
        hall.room.settle()
        if (hall.isEntering) hall.room.focus()
        hall.isEntering = false
      },
      Said({ room, ...word }) {
        const hall = halls.get(room)
        hall.after = word.position
        hall.room.hear(word)
        if (shown !== room && !word.isOwn) {
          hall.unread += 1
          refresh()
        }
      },
      Came: ({ room, user }) => halls.get(room).room.happen("Came", `${user} has come`),
      Went: ({ how, room, user }) => halls.get(room).room.happen(how, `${user} ${goings[how]}`),
      People: ({ room, ...people }) => halls.get(room).room.people.show(people),
      Gap: ({ missed, room, why }) =>
        halls
          .get(room)
          .room.happen("Gap", `Gap: ${missed === null ? "perhaps something was missed" : `${missed} missed`}, ${why}`),
      Done({ number, room }) {
        const hall = halls.get(room)
        if (hall.said?.number !== number) return
        hall.said = undefined
        hall.room.line.said()
      },
      Refused({ error, number, room, what, why }) {
        const hall = halls.get(room)
        if (what === "Say") {
          if (number === hall.said?.number && !(error === "NotMember" && hall.wanted)) hall.room.line.refused(why)
        } else if (error === "Rejected" || error === "SchemaError") turnAway(hall, why)
        else {
          // Somebody whose peer is gone has its place until the others are sure of that; so has this page itself.
          hall.trouble(
            error === "AlreadyMember"
              ? "Your place is still held by the peer you came from; trying again."
              : `${why}; trying again.`
          )
          refresh()
          joinSoon(hall, error === "AlreadyMember" ? 500 : 1_500)
        }
      },
      Out({ room, why }) {
        const hall = halls.get(room)
        hall.isIn = false
        hall.after = null
        hall.trouble(`${why} Coming in again.`)
        refresh()
        joinSoon(hall, 500)
      },
      Leaving() {
        lostAt = -Infinity
        goElsewhere()
      }
    }

    // -- where to, when the peer is gone

    /** In memory: another peer. Who talks already stays with whom it talks to, as long as that is there. */
    const choose = () => {
      const own = view.peers.find(({ hold }) => hold === "own")
      const names =
        own === undefined ? view.peers.filter(({ hold }) => hold === "running").map(({ name }) => name) : [own.name]
      const chosen = peer.value
      if (names.join("\n") !== [...peer.options].map(({ value }) => value).join("\n")) {
        peer.replaceChildren(...names.map((name) => element("option", { value: name, text: name })))
        if (names.includes(chosen)) peer.value = chosen
      }
      if (state === "lost" && peer.value === chosen && names.length > 1 && lostAt + 5_000 < performance.now()) {
        // It is said to be there, and does not answer.
        peer.value = names[(names.indexOf(chosen) + 1) % names.length]
        lostAt = performance.now()
      }
    }

    /** On Redis: the page of another process, if this one's does not answer at all. */
    const goElsewhere = () => {
      if (kind !== "redis" || lostAt === undefined || wanted().length === 0) return
      const isLeaving = lostAt === -Infinity
      if (!isLeaving && (stage.isConnected || performance.now() - lostAt < patience)) return
      const all = addresses(view)
      if (all.length === 0 || performance.now() < movedAt + 5_000) return
      movedAt = performance.now()
      move(all[Math.floor(Math.random() * all.length)], {
        seat,
        number,
        user: user.value,
        shown,
        halls: Object.fromEntries(
          wanted().map(({ after, name, room, said }) => [name, { seen: after, said: said ?? null, ...room.line.draft }])
        )
      })
    }

    // -- what is shown

    const links = {
      closed: () => "Join a room to talk.",
      connecting: () => "Connecting…",
      open: () =>
        view.stale == null
          ? `Talking to ${peer.value}.`
          : `${kind === "redis" ? "Redis is away." : "Nobody answers."} What you say now may not be said.`,
      lost: () => "The connection is lost; trying again."
    }
    const refresh = () => {
      user.disabled = wanted().length > 0
      peer.disabled = peer.options.length < 2
      setText(link, links[state]())
      link.dataset.state = state === "open" && view.stale != null ? "doubtful" : state
      root.dataset.old = state === "lost" || (state === "open" && view.stale != null) ? "yes" : "no"
      for (const hall of halls.values()) hall.refresh(shown, stage.isConnected)
    }
    peer.addEventListener("change", () => {
      if (state !== "closed") connect()
      refresh()
    })

    const unpack = () => {
      for (const [name, { isUnderWay, said, seen, text }] of Object.entries(luggage.halls)) {
        const hall = halls.get(name)
        if (hall === undefined) continue
        hall.wanted = name !== "vault"
        hall.seen = seen
        hall.said = said ?? undefined
        hall.room.line.draft = { text, isUnderWay: isUnderWay && said !== null }
      }
      if (wanted().length > 0) connect()
    }
    let isUnpacked = luggage === undefined

    const see = (next) => {
      view = next
      choose()
      refresh()
    }
    stage.on("Present", (present) => {
      kind = present.kind
      see(present.view)
      if (isUnpacked) return
      isUnpacked = true
      unpack()
      refresh()
    })
    stage.on("View", see)
    stage.on("Connected", () => {
      goElsewhere()
      refresh()
    })
    refresh()
  }
}

const goings = { Left: "has gone", Crashed: "is gone: the peer has crashed", Removed: "was taken out" }

/** Remembered where the browser allows it. */
const remembered = () => {
  try {
    return localStorage.getItem("chat-user") ?? undefined
  } catch {
    return undefined
  }
}
const remember = (name) => {
  try {
    localStorage.setItem("chat-user", name)
  } catch {
    // Then it is typed again the next time.
  }
}

/** Between the last word that was shown, and those that are kept, there were others. */
const isTorn = (seen, words) =>
  words.length > 0 && words[0].position.epoch === seen?.epoch && words[0].position.sequence > seen.sequence

/** Anybody can write an address: what does not look as if a page had packed it is left there. */
const suitable = (luggage) =>
  luggage !== null &&
  typeof luggage === "object" &&
  /^\w{8,64}$/.test(luggage.seat) &&
  typeof luggage.user === "string" &&
  Number.isSafeInteger(luggage.number) &&
  rooms.some(({ name }) => name === luggage.shown) &&
  luggage.halls !== null &&
  typeof luggage.halls === "object"
    ? luggage
    : undefined
