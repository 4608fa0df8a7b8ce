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

/** A time of day, to the second. */
export const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false })
