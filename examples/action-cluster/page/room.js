/** One room as it is seen from inside: what was said, who is there, and the line to say something. */
import { clock, element, keyed, setText, whole } from "./dom.js"

const maxLines = 200
export const maxText = 500

/** `say` is given a text to say; it answers through `said` and `refused`. */
export const makeRoom = (name, { leave, say }) => {
  const heading = element("h3", { id: `room-${name}`, tabindex: "-1", text: name })
  const note = element("span", { class: "room-note" })
  const out = element("button", { type: "button", text: "Leave", "aria-label": `Leave the ${name}` })
  const log = element("ol", { class: "words", role: "log", tabindex: "0", "aria-label": `What is said in the ${name}` })
  const nothing = element("p", { class: "nothing", text: "What was said is shown once you are in." })
  const people = makePeople(name)
  const line = makeLine(name, say)
  const root = element("section", { class: "room", "aria-labelledby": heading.id, "data-room": name }, [
    element("div", { class: "part-head" }, [element("div", { class: "room-title" }, [heading, note]), out]),
    element("div", { class: "room-inside" }, [element("div", { class: "room-words" }, [nothing, log]), people.root]),
    line.root
  ])
  out.addEventListener("click", leave)

  const add = (item) => {
    // Who reads what was said before is not torn away from it.
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40
    nothing.hidden = true
    log.append(item)
    while (log.childElementCount > maxLines) log.firstElementChild.remove()
    if (isAtEnd) log.scrollTop = log.scrollHeight
  }

  return {
    root,
    line,
    people,
    focus: () => line.focus(),
    refresh(isIn) {
      line.refresh()
      root.dataset.in = isIn ? "yes" : "no"
    },
    note: (text) => setText(note, text),
    /** The end of what was said is shown. */
    settle() {
      log.scrollTop = log.scrollHeight
    },
    begin(words) {
      setText(nothing, "Nobody has said anything yet.")
      log.replaceChildren()
      nothing.hidden = false
      for (const word of words) add(makeWord(word))
    },
    hear: (word) => add(makeWord(word)),
    happen: (kind, text) => add(element("li", { class: "happening", "data-kind": kind }, [element("span", { text })]))
  }
}

const kinds = { guest: "guest", fortune: "worker" }

const makeWord = ({ at, isOwn, kind, text, user }) =>
  element("li", { class: "word", "data-kind": kind, "data-own": isOwn ? "yes" : "no" }, [
    element("span", { class: "line-head" }, [
      element("bdi", { class: "from", text: user }),
      ...(kinds[kind] === undefined ? [] : [element("span", { class: "mark", text: kinds[kind] })]),
      element("time", { datetime: new Date(at).toISOString(), text: clock(at) })
    ]),
    element("bdi", { class: "line-text", text })
  ])

// -- who is there -------------------------------------------------------------------------------------------------

const makePeople = (name) => {
  const heading = element("h4", { id: `people-${name}`, text: "Nobody is known to be here" })
  const list = element("ul", { class: "people", "aria-labelledby": heading.id })
  const more = element("p", { class: "more" })
  const users = keyed(list, { key: ({ user }) => user, lost: () => {}, make: makeUser })
  return {
    root: element("div", { class: "room-people" }, [heading, list, more]),
    show(people) {
      const count = people.users.length + people.more
      setText(heading, count === 1 ? "One is here" : `${whole(count)} are here`)
      users.show(people.users)
      more.hidden = people.more === 0
      setText(more, `And ${whole(people.more)} more.`)
    }
  }
}

const makeUser = ({ user }) => {
  const mark = element("span", { class: "mark" })
  const where = element("small")
  return {
    root: element("li", { "data-user": user }, [element("bdi", { text: user }), mark, where]),
    show({ peers, seats }) {
      mark.hidden = seats === 1
      setText(mark, `${seats} pages`)
      setText(where, `on ${peers.join(", ")}`)
    }
  }
}

// -- saying something ---------------------------------------------------------------------------------------------

const makeLine = (name, say) => {
  const text = element("textarea", {
    id: `say-${name}`,
    rows: "1",
    maxlength: `${maxText}`,
    "aria-describedby": `say-${name}-state`,
    placeholder: "Say something, or /fortune"
  })
  const state = element("span", { class: "left", id: `say-${name}-state` })
  const send = element("button", { type: "submit", class: "primary", text: "Say" })
  const form = element("form", { class: "say" }, [
    element("label", { class: "visually-hidden", for: text.id, text: `Say in the ${name}` }),
    text,
    send,
    state
  ])
  let isUnderWay = false
  let problem = ""
  const refresh = () => {
    send.disabled = isUnderWay || text.value.trim() === ""
    form.dataset.problem = problem === "" ? "no" : "yes"
    const left = maxText - text.value.length
    setText(state, problem !== "" ? problem : isUnderWay ? "On its way…" : left > 100 ? "" : `${left} characters left`)
  }
  form.addEventListener("input", () => {
    problem = ""
    refresh()
  })
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (send.disabled) return
    problem = ""
    isUnderWay = true
    // What is on its way is not changed any more. It waits for whom it is to be said to.
    text.readOnly = true
    say(text.value)
    refresh()
    text.focus({ preventScroll: true })
  })
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  const end = () => {
    isUnderWay = false
    text.readOnly = false
  }
  return {
    root: form,
    focus: () => text.focus({ preventScroll: true }),
    get draft() {
      return { text: text.value, isUnderWay }
    },
    set draft(draft) {
      text.value = draft.text
      isUnderWay = text.readOnly = draft.isUnderWay
      refresh()
    },
    said() {
      end()
      text.value = ""
      refresh()
    },
    refused(why) {
      end()
      problem = why
      refresh()
    },
    refresh
  }
}
