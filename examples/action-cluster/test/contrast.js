/** Runs in the page. Texts whose contrast is below 4.5 : 1 (WCAG AA), each with its contrast. */
;(() => {
  function light(color) {
    const [r, g, b] = color.map((part) => {
      const share = part / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part, i) => (i < 3 ? part : part / 255))
  }
  const behind = (node) => {
    const [r, g, b, a] = rgba(getComputedStyle(node).backgroundColor)
    if (a === 1 || node.parentElement === null) return [r, g, b]
    const under = behind(node.parentElement)
    return [r, g, b].map((part, i) => part * a + under[i] * (1 - a))
  }
  const found = []
  for (const node of document.body.querySelectorAll("*")) {
    const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim() !== "")
    if (!hasText || node.closest(":disabled, .skip, .visually-hidden, noscript") || node.offsetParent === null) continue
    const [one, other] = [light(rgba(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a)
    const contrast = (one + 0.05) / (other + 0.05)
    if (contrast < 4.5) found.push(`${node.tagName} ${node.className}: ${node.textContent} (${contrast.toFixed(2)})`)
  }
  return found
})()
