/** Any plain state as text: equal states give equal texts, whatever order their maps and objects were filled in. */
export const describe = (value: unknown): string => {
  if (value instanceof Map)
    return `{${[...value]
      .map(([k, v]) => `${describe(k)}: ${describe(v)}`)
      .sort()
      .join(", ")}}`
  if (value instanceof Set) return `(${[...value].map(describe).sort().join(", ")})`
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([k, v]) => `${k}: ${describe(v)}`)
      .sort()
      .join(", ")}}`
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value)
}
