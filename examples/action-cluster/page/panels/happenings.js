/** What has happened, newest first. */
import { clock, element } from "../dom.js"

const maxShown = 60

const lefts = {
  Graceful: "has left in good order",
  Crashed: "was not heard of any more, and is gone",
  Superseded: "has left: another took its name"
}
const backends = { Up: "Redis is up", Degraded: "Redis answers in part", Down: "Redis is away" }

const sentences = {
  Snapshot: ({ detail }) => `The registry was read: ${detail} ${detail === "1" ? "peer" : "peers"}`,
  Joined: () => "has joined",
  Suspected: () => "is suspected: it has not been heard of",
  Recovered: () => "is heard of again",
  Updated: () => "has updated its metadata",
  Left: ({ detail }) => lefts[detail] ?? "has left",
  Leads: () => "is the director",
  Backend: ({ detail }) => backends[detail] ?? detail,
  Unheard: () => "What the peers heard for a while is not known here"
}

export default {
  id: "happenings",
  title: "What happened",
  order: 30,
  place: "side",
  mount({ body }, stage) {
    const list = element("ol", { class: "happenings", tabindex: "0", "aria-label": "What happened, newest first" })
    const nothing = element("p", { class: "nothing", text: "Nothing yet" })
    body.append(nothing, list)
    let last = 0

    const show = (happening) => {
      if (happening.number <= last) return
      last = happening.number
      nothing.hidden = true
      const sentence = sentences[happening.kind]?.(happening) ?? happening.kind
      const kind = ["Left", "Backend"].includes(happening.kind) ? happening.detail : happening.kind
      list.prepend(
        element("li", { "data-kind": kind }, [
          element("time", { datetime: new Date(happening.at).toISOString(), text: clock(happening.at) }),
          element("span", {}, [
            ...(happening.peer === "" ? [] : [element("strong", { text: happening.peer }), " "]),
            sentence
          ])
        ])
      )
      while (list.childElementCount > maxShown) list.lastElementChild.remove()
    }

    stage.on("Present", ({ happenings }) => {
      last = 0
      list.replaceChildren()
      nothing.hidden = false
      for (const happening of happenings) show(happening)
    })
    stage.on("Happening", (happening) => {
      show(happening)
      if (happening.kind === "Suspected" || happening.kind === "Left" || happening.kind === "Leads") {
        stage.say(`${happening.peer} ${sentences[happening.kind](happening)}.`)
      }
    })
  }
}
