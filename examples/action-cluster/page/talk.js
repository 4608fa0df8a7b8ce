/**
 * A page's end of the conversation: one WebSocket, opened again for as long as somebody wants to talk. The program says
 * something every two seconds; after a silence the connection is dead, whatever it looks like. Each frame that was read is
 * said to be read: who reads nothing is told less, and then hung up on.
 */
const silence = 6_000
const pauses = [100, 300, 700, 1_500, 2_000]

/** Names this page for as long as it is open, wherever it talks. */
export const newSeat = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("")

/**
 * `peer` says whom to talk to, each time it is asked; `told` is given what is told, one by one; `opened` and `lost` say how
 * the connection is, `lost` also how often in a row it could not be had.
 */
export const makeTalk = ({ lost, opened, peer, seat, told }) => {
  let socket
  let failures = 0
  let alarm
  let timer

  const open = () => {
    clearTimeout(timer)
    const query = new URLSearchParams({ seat })
    const whom = peer()
    if (whom !== undefined) query.set("peer", whom)
    const mine = new WebSocket(`${location.origin.replace(/^http/, "ws")}/talk?${query}`)
    socket = mine
    watch()
    mine.addEventListener("message", ({ data }) => {
      if (socket !== mine) return
      watch()
      const frame = JSON.parse(data)
      if (frame.told.some(({ _tag }) => _tag === "Here")) {
        failures = 0
        opened()
      }
      for (const one of frame.told) told(one)
      if (mine.readyState === WebSocket.OPEN) mine.send(JSON.stringify({ _tag: "Read", number: frame.number }))
    })
    mine.addEventListener("close", () => {
      if (socket === mine) again()
    })
  }

  const watch = () => {
    clearTimeout(alarm)
    // A page that stood still itself first reads what has come meanwhile.
    alarm = setTimeout(() => {
      alarm = setTimeout(again, 1_000)
    }, silence - 1_000)
  }

  const drop = () => {
    clearTimeout(alarm)
    clearTimeout(timer)
    const old = socket
    socket = undefined
    old?.close()
  }

  const again = () => {
    drop()
    const pause = pauses[Math.min(failures++, pauses.length - 1)]
    timer = setTimeout(open, pause)
    lost(failures)
  }

  return {
    /** From now on, with whom `peer` says: anew, if it was with another. */
    open() {
      drop()
      failures = 0
      open()
    },
    close: drop,
    /** False: it cannot be said now. */
    ask(what) {
      if (socket?.readyState !== WebSocket.OPEN) return false
      socket.send(JSON.stringify(what))
      return true
    }
  }
}
