/**
 * A Lua script as a typed value. `scripts/codegen.ts` writes one for every file under `lua/` into `scripts.ts`; its
 * type names each key and each argument that the file's header declares, so that a misspelt or a missing one does not
 * compile.
 */

/** What may stand for one ARGV. Redis gets its text. */
export type Arg = string | number

/** Arguments that no caller gives: the connection fills them with the world's time and run, or with nothing. */
export type Reserved = "now" | "run"

export interface Script<Keys, Args, Reply = unknown> {
  /** `PubSub/append`. */
  readonly name: string
  /** True for `#!lua`: a full server refuses the script. False for `#!lua flags=allow-oom`. */
  readonly adds: boolean
  readonly sha: string
  readonly source: string
  readonly numberOfKeys: (keys: Keys) => number
  /** The commands it runs, as the header lists them: what an ACL user of it needs. */
  readonly commands: ReadonlyArray<string>
  /** The key that a cluster routes by: all of them share its slot. */
  readonly route: (keys: Keys) => string
  /** Appends KEYS, then ARGV, in the order of the header. */
  readonly write: (into: Array<Arg>, keys: Keys, args: Args, now: Arg, run: Arg) => void
  /** Reads the reply. What it throws is a `CorruptData` of the call. */
  readonly decode: (reply: unknown) => Reply
}

/** What the generator knows of a file. */
export interface Header<K extends string, A extends string, V extends string, W extends string> {
  readonly name: string
  readonly adds: boolean
  readonly sha: string
  readonly keys: ReadonlyArray<K>
  /** In order, reserved ones included. */
  readonly args: ReadonlyArray<A>
  /** The last one, if it takes any number of values. */
  readonly variadic?: V
  /** The last of KEYS, if it takes any number of them, and at least one. */
  readonly variadicKeys?: W
  readonly commands: ReadonlyArray<string>
  readonly source: string
}

export type Keys<K extends string, W extends string = never> = { readonly [P in K]: string } & {
  readonly [P in W]: ReadonlyArray<string>
}
export type Args<A extends string, V extends string> = { readonly [P in Exclude<A, Reserved>]: Arg } & {
  readonly [P in V]: ReadonlyArray<Arg>
}

export const make = <
  const K extends string = never,
  const A extends string = never,
  const V extends string = never,
  const W extends string = never
>(
  header: Header<K, A, V, W>
): Script<Keys<K, W>, Args<A, V>> => {
  const { keys, variadic, variadicKeys } = header
  const [route] = keys
  const isGiven = (name: A): name is Exclude<A, Reserved> => name !== "now" && name !== "run"
  return {
    name: header.name,
    adds: header.adds,
    sha: header.sha,
    source: header.source,
    numberOfKeys: (given) => keys.length + (variadicKeys === undefined ? 0 : given[variadicKeys].length),
    commands: header.commands,
    route: (given) => (route !== undefined ? given[route] : variadicKeys && given[variadicKeys][0]) ?? "",
    write: (into, given, args, now, run) => {
      for (const key of keys) into.push(given[key])
      if (variadicKeys !== undefined) for (const key of given[variadicKeys]) into.push(key)
      for (const arg of header.args) into.push(isGiven(arg) ? args[arg] : arg === "now" ? now : run)
      if (variadic !== undefined) for (const value of args[variadic]) into.push(value)
    },
    decode: (reply) => reply
  }
}

/** The same script, its reply read by `decode`, which throws at what it does not know: the call fails with `CorruptData`. */
export const answering = <Keys, Args, Reply>(
  script: Script<Keys, Args>,
  decode: (reply: unknown) => Reply
): Script<Keys, Args, Reply> => ({ ...script, decode })
