/** Something that can be done from the page, as a button. */
import { element } from "./dom.js"

/**
 * It cannot be pressed while what it does is under way, nor while nobody would hear. What has the focus keeps it; where
 * the button is gone by then, the heading of its part has it. `order` gives the command, its body, what to say where it
 * fails, what once it is done, and what else is to happen where it is not.
 */
export const makeButton = (stage, attributes, order) => {
  const root = element("button", { type: "button", ...attributes })
  let isBusy = false
  const refresh = () => {
    root.disabled = isBusy || !stage.isConnected
  }
  root.addEventListener("click", async () => {
    const { body = {}, failed, name, said, unsaid } = order()
    const heading = headingOf(root)
    isBusy = true
    refresh()
    const answer = await stage.command(name, body, failed)
    isBusy = false
    refresh()
    if (document.activeElement === document.body) root.focus({ preventScroll: true })
    if (document.activeElement === document.body) heading?.focus({ preventScroll: true })
    if (answer) stage.say(said(answer.done))
    else unsaid?.()
  })
  refresh()
  return {
    root,
    refresh,
    hide(isHidden) {
      if (isHidden && document.activeElement === root) headingOf(root)?.focus({ preventScroll: true })
      root.hidden = isHidden
    }
  }
}

const headingOf = (node) => node.closest("section")?.querySelector("h3")
