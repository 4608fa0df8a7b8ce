/**
 * Where a page goes when the process that serves it is gone: to another one's address, taking along what it was about.
 * Peers say of themselves where their pages are, and anyone may say anything; a page goes by itself only to another port of
 * the host that it is on.
 */
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** Addresses of other processes that were there when last heard of. */
export const addresses = ({ peers }) =>
  peers.flatMap(({ hold, metadata, state }) => {
    if (hold === "own" || hold === "frozen" || hold === "crashed" || state !== "Live") return []
    if (metadata.page === undefined || !URL.canParse(metadata.page)) return []
    const { hostname, origin, protocol } = new URL(metadata.page)
    const isNear = hostname === location.hostname || (loopback.test(hostname) && loopback.test(location.hostname))
    return isNear && protocol === location.protocol && origin !== location.origin ? [origin] : []
  })

const mark = "#talk="

/** `luggage`: what it is to go on with there. Whoever looks at addresses sees it: nothing that is secret. */
export const move = (address, luggage) =>
  location.replace(`${address}/${mark}${encodeURIComponent(JSON.stringify(luggage))}`)

/** What a page has brought along, once. */
export const arrived = () => {
  if (!location.hash.startsWith(mark)) return undefined
  const text = location.hash.slice(mark.length)
  history.replaceState(null, "", location.pathname)
  try {
    return JSON.parse(decodeURIComponent(text))
  } catch {
    return undefined
  }
}
