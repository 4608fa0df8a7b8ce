/** How much was counted in each minute, as bars from nought. What they say stands beside them in numbers. */
import { element, setText, svg, whole } from "./dom.js"

/** In units of the drawing, which is stretched to its place. */
const height = 40
const step = 10

const minute = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false })

/** `root` to put somewhere, and `show` with what was counted by the minute, the last one not over yet. */
export const makeBars = (title) => {
  const drawing = svg("svg", { preserveAspectRatio: "none", role: "img", "aria-label": title })
  const note = element("span")
  const first = element("span", { text: "30 min ago" })
  const root = element("div", { class: "bars" }, [
    note,
    drawing,
    element("div", { class: "bars-axis", "aria-hidden": "true" }, [first, element("span", { text: "now" })])
  ])
  let last
  return {
    root,
    show(minutes, since) {
      const told = `${since} ${minutes.join(" ")}`
      if (told === last) return
      last = told
      const most = Math.max(0, ...minutes)
      const [width, now] = [minutes.length * step, minutes.at(-1) ?? 0]
      drawing.setAttribute("viewBox", `0 0 ${width} ${height}`)
      drawing.replaceChildren(
        svg("path", { class: "bars-ground", d: `M0 ${height - 0.5}H${width}` }),
        ...minutes.flatMap((count, i) => {
          if (count <= 0) return []
          // One of many thousands is still to be seen.
          const tall = Math.max(2, ((height - 2) * count) / most)
          return [svg("rect", { x: i * step + 1, y: height - tall, width: step - 2, height: tall })]
        })
      )
      setText(note, `${whole(now)} this minute, ${whole(most)} at most`)
      setText(first, `since ${minute(since)}`)
      drawing.setAttribute("aria-label", `${title} by the minute, ${minutes.length} minutes: ${note.textContent}.`)
    }
  }
}
