/** A part of a panel, with a heading that can hold the focus when what had it is gone. */
import { element } from "./dom.js"

export const makePart = (id, title, beside = []) => {
  const heading = element("h3", { id, text: title, tabindex: "-1" })
  const root = element("section", { class: "part", "aria-labelledby": id }, [
    element("div", { class: "part-head" }, [heading, ...beside])
  ])
  return { root, lost: () => heading.focus({ preventScroll: true }) }
}
