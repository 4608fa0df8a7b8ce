/** Something to say: which peer says it, on which channel, and what. */
import { element, setText } from "../dom.js"

const maxLength = 280
const channels = [
  { name: "bulletin", about: "Keeps its last 50 messages. Who was away catches up." },
  { name: "shout", about: "Keeps nothing. Who was away is told of a gap." }
]

export default {
  id: "publish",
  title: "Publish",
  order: 20,
  place: "side",
  mount({ body }, stage) {
    const as = element("select", { id: "publish-as", name: "as" })
    const choices = channels.map(({ about, name }, i) =>
      element("label", { class: "choice" }, [
        element("input", {
          type: "radio",
          name: "channel",
          value: name,
          checked: i === 0,
          "aria-labelledby": `channel-${name}`,
          "aria-describedby": `channel-${name}-about`
        }),
        element("span", {}, [
          element("strong", { id: `channel-${name}`, text: name }),
          element("small", { id: `channel-${name}-about`, text: about })
        ])
      ])
    )
    const text = element("textarea", {
      id: "publish-text",
      name: "text",
      rows: "2",
      maxlength: `${maxLength}`,
      required: true
    })
    const left = element("span", { class: "left", id: "publish-left" })
    text.setAttribute("aria-describedby", "publish-left")
    const send = element("button", { type: "submit", class: "primary", text: "Publish" })
    const form = element("form", { class: "publish" }, [
      element("div", { class: "field" }, [element("label", { for: "publish-as", text: "Who speaks" }), as]),
      element("fieldset", { class: "field" }, [element("legend", { text: "Channel" }), ...choices]),
      element("div", { class: "field" }, [element("label", { for: "publish-text", text: "Message" }), text]),
      element("div", { class: "send" }, [left, send])
    ])
    body.append(form)

    let isBusy = false
    const refresh = () => {
      setText(left, `${maxLength - text.value.length} characters left`)
      send.disabled = isBusy || !stage.isConnected || as.options.length === 0 || text.value.trim() === ""
      as.disabled = as.options.length < 2
    }

    form.addEventListener("input", refresh)
    form.addEventListener("submit", async (event) => {
      event.preventDefault()
      if (send.disabled) return
      isBusy = true
      refresh()
      const channel = form.elements.channel.value
      const done = await stage.command("publish", { as: as.value, channel, text: text.value }, "Nothing was published")
      isBusy = false
      if (done) {
        text.value = ""
        stage.say(`Published on ${channel}.`)
      }
      refresh()
      text.focus({ preventScroll: true })
    })
    // A message is one paragraph: Enter sends it, as everywhere one speaks.
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return
      event.preventDefault()
      form.requestSubmit()
    })

    const show = (view) => {
      const speakers = view.peers.filter(({ hold }) => hold === "running").map(({ name }) => name)
      // Other processes speak on their own pages.
      const own = view.peers.find(({ hold }) => hold === "own")
      const names = own === undefined ? speakers : [own.name]
      if (names.join("\n") !== [...as.options].map(({ value }) => value).join("\n")) {
        const chosen = as.value
        as.replaceChildren(...names.map((name) => element("option", { value: name, text: name })))
        if (names.includes(chosen)) as.value = chosen
      }
      refresh()
    }
    stage.on("Present", ({ view }) => show(view))
    stage.on("View", show)
    stage.on("Connected", refresh)
    refresh()
  }
}
