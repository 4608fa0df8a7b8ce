/** How the page is written: elements with text, never with markup. Whatever anyone says is shown, and is only shown. */

/** An element with attributes and children. `text` is its text; what is undefined, null or false is left out. */
export const element = (tag, { text, ...attributes } = {}, children = []) => {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value)
  }
  if (text !== undefined) made.textContent = text
  made.append(...children)
  return made
}

/** As `element`, for a part of a drawing. */
export const svg = (tag, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}

/**
 * A list that shows items in their order, each in an element of its own for as long as it is among them: `make` gives an
 * item's `{ root, show }`, and its `show` is given it each time. Where what holds the focus goes, `lost` is called.
 */
export const keyed = (list, { key, lost, make }) => {
  const shown = new Map()
  const show = (items) => {
    const there = new Set(items.map(key))
    for (const [name, { root }] of shown) {
      if (there.has(name)) continue
      const hadFocus = root.contains(document.activeElement)
      root.remove()
      shown.delete(name)
      if (hadFocus) lost()
    }
    items.forEach((item, i) => {
      let one = shown.get(key(item))
      if (one === undefined) shown.set(key(item), (one = make(item)))
      one.show(item)
      if (list.children[i] === one.root) return
      const focused = one.root.contains(document.activeElement) ? document.activeElement : undefined
      list.insertBefore(one.root, list.children[i] ?? null)
      focused?.focus({ preventScroll: true })
    })
  }
  return { show, all: () => shown.values() }
}

/** Sets a text where it differs: what has not changed is not touched, and not read out again. */
export const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text
}

/** A number of milliseconds as a person says it. */
export const duration = (ms) => {
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
}

/** A whole number as a person writes it. */
export const whole = (n) => n.toLocaleString("en")

/** So many of them. */
export const plural = (n, one = "task") => `${whole(n)} ${one}${n === 1 ? "" : "s"}`

/** A time of day, to the second. */
export const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false })
