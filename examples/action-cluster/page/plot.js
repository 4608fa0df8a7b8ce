/**
 * How deep the queues were during the last two minutes, as lines. The scale is logarithmic, so that one dead letter is
 * seen beside a hundred thousand tasks; what the lines say stands beside them in numbers.
 */
import { element, setText, svg, whole } from "./dom.js"

const spanMs = 120_000
/** Two samples farther apart have something between them that nobody saw. */
const gapMs = 3_500
/** In units of the drawing, which is stretched to its place. */
const [width, height] = [600, 160]

const lines = [
  { state: "ready", title: "Ready", about: "waits for a free place" },
  { state: "delayed", title: "Delayed", about: "sleeps until its next attempt" },
  { state: "claimed", title: "Claimed", about: "runs, or is next" },
  { state: "dead", title: "Dead", about: "is not tried again" }
]

/** `root` to put somewhere, and `show` with the samples and the time that stands at the right edge. */
export const makePlot = () => {
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" })
  const grid = svg("g", { class: "plot-grid" })
  const paths = lines.map(({ state }) => svg("path", { class: "plot-line", "data-state": state }))
  drawing.append(grid, ...paths)
  const scale = element("div", { class: "plot-scale", "aria-hidden": "true" })
  const numbers = lines.map(() => element("strong", { text: "0" }))
  const legend = element(
    "ul",
    { class: "plot-legend" },
    lines.map(({ about, state, title }, i) => {
      const sample = svg("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" })
      sample.append(svg("path", { class: "plot-line", "data-state": state, d: "M1 4H23" }))
      return element("li", { "data-state": state }, [
        sample,
        element("span", { class: "plot-name", text: title }),
        numbers[i],
        element("small", { text: about })
      ])
    })
  )
  const axis = element("div", { class: "plot-axis", "aria-hidden": "true" }, [
    element("span", { text: "2 min ago" }),
    element("span", { text: "logarithmic" }),
    element("span", { text: "now" })
  ])
  const root = element("div", { class: "plot" }, [
    element("div", { class: "plot-area" }, [scale, drawing, axis]),
    legend
  ])
  let top = 0

  const rule = (next) => {
    if (next === top) return
    top = next
    // On a long scale 0 and 1 stand too close to be told apart.
    const marks = [0, ...powers.filter((power) => power <= top && (power > 1 || top <= 1_000))]
    grid.replaceChildren(...marks.map((n) => svg("path", { d: `M0 ${y(n)}H${width}` })))
    scale.replaceChildren(
      ...marks.map((n) => {
        const mark = element("span", { text: n < 1_000 ? `${n}` : `${n / 1_000}k` })
        mark.style.setProperty("top", `${(100 * y(n)) / height}%`)
        return mark
      })
    )
  }
  // A line at an edge would be cut in half.
  const y = (n) => height - 3 - ((height - 6) * Math.log10(1 + n)) / Math.log10(1 + top)

  const show = (samples, now) => {
    const most = Math.max(0, ...samples.flatMap((sample) => lines.map(({ state }) => sample[state])))
    rule(powers.find((power) => power >= most && power >= 10) ?? powers.at(-1))
    lines.forEach(({ state }, i) => {
      let before = Number.NEGATIVE_INFINITY
      const path = samples.map((sample) => {
        const x = width - (width * (now - sample.at)) / spanMs
        const move = sample.at - before > gapMs ? "M" : "L"
        before = sample.at
        return `${move}${x.toFixed(1)} ${y(sample[state]).toFixed(1)}`
      })
      paths[i].setAttribute("d", path.join(""))
      setText(numbers[i], whole(samples.at(-1)?.[state] ?? 0))
    })
    drawing.setAttribute("aria-label", sentence(samples))
  }
  return { root, show }
}

const powers = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

const sentence = (samples) =>
  `Depth of the queues in the last two minutes. ${lines
    .map(({ state, title }) => {
      const most = Math.max(0, ...samples.map((sample) => sample[state]))
      return `${title}: ${whole(samples.at(-1)?.[state] ?? 0)} now, ${whole(most)} at most.`
    })
    .join(" ")}`
