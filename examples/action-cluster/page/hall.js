/** A room as the page has it: the button that shows it, the door for who is outside, and what is seen from inside. */
import { element, setText } from "./dom.js"
import { makeRoom } from "./room.js"

/** This example's secret; whoever reads this page may come in. */
const hint = "The word is “sesame”."

/** Calls `enter` where somebody wants to come in, `leave` and `say` for who is inside, and `show` to see it. */
export const makeHall = ({ about, isPrivate = false, name }, { enter, leave, say, show }) => {
  const unread = element("span", { class: "mark" })
  const tab = element("button", { type: "button", class: "hall", "aria-controls": `hall-${name}` }, [
    element("strong", { text: name }),
    unread
  ])
  const word = element("input", { id: `chat-word-${name}`, autocomplete: "off", maxlength: "64" })
  const button = element("button", { type: "submit", class: "primary", text: `Join the ${name}` })
  const problem = element("p", { class: "stale" })
  const door = element("form", { class: "door" }, [
    element("p", { class: "note", text: isPrivate ? `${about} ${hint}` : about }),
    ...(isPrivate
      ? [element("div", { class: "field" }, [element("label", { for: word.id, text: "The word" }), word])]
      : []),
    problem,
    button
  ])
  const trouble = element("p", { class: "stale" })
  const room = makeRoom(name, { leave: () => leave(hall), say: (text) => say(hall, text) })
  const root = element("div", { id: `hall-${name}` }, [door, trouble, room.root])
  door.addEventListener("submit", (event) => {
    event.preventDefault()
    setText(problem, "")
    enter(hall)
  })
  tab.addEventListener("click", () => {
    show(hall)
    if (hall.isIn) room.settle()
  })

  const hall = {
    name,
    root,
    tab,
    room,
    /** What it was last asked to say, and has not heard to be said. */
    said: undefined,
    wanted: false,
    isIn: false,
    /** Somebody has just pressed the button. */
    isEntering: false,
    /** It goes on behind this word. */
    after: null,
    /** The last word that this page has shown where it came from. */
    seen: null,
    unread: 0,
    timer: undefined,
    get word() {
      return isPrivate ? word.value : null
    },
    focus: () => button.focus({ preventScroll: true }),
    /** It cannot be entered like that; false: it is not the word that is wrong. */
    refuse(why) {
      setText(problem, why)
      if (hall.isEntering && isPrivate) word.focus({ preventScroll: true })
      return isPrivate
    },
    trouble: (why) => setText(trouble, why),
    refresh(shown, isConnected) {
      const isShown = shown === name
      tab.setAttribute("aria-pressed", `${isShown}`)
      tab.dataset.in = hall.isIn ? "yes" : "no"
      root.hidden = !isShown
      if (isShown && hall.isIn) hall.unread = 0
      unread.hidden = hall.unread === 0
      setText(unread, `${hall.unread} new`)
      door.hidden = hall.wanted
      room.root.hidden = !hall.wanted
      button.disabled = !isConnected
      trouble.hidden = trouble.textContent === "" || !hall.wanted
      room.refresh(hall.isIn)
    }
  }
  return hall
}
