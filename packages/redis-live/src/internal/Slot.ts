/** The slot of a key, as a Redis Cluster computes it. */
export const slots = 16_384

const table = new Uint16Array(256)
for (let i = 0; i < 256; i++) {
  let crc = i << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1
  table[i] = crc & 0xffff
}

/** Of the text between the first brace and the next closing one, if there is any, else of the whole key. Keys are ASCII. */
export const slotOf = (key: string): number => {
  let start = 0
  let end = key.length
  const open = key.indexOf("{")
  if (open >= 0) {
    const close = key.indexOf("}", open + 1)
    if (close > open + 1) {
      start = open + 1
      end = close
    }
  }
  let crc = 0
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ (table[((crc >> 8) ^ key.charCodeAt(i)) & 0xff] ?? 0)
  return crc % slots
}
