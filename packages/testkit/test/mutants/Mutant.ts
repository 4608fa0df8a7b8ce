/** One small, named mistake, and the law that must notice it. */
export interface Mutant {
  /** What is wrong: "the gap after a lost connection is left out". */
  readonly name: string
  /** The export of the law file that fails on it. */
  readonly law: string
  /** From the repository's root; a Lua file stands for its text in the generated `internal/scripts.ts`. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Where the law must fail. Default memory alone. */
  readonly worlds?: ReadonlyArray<"memory" | "redis" | "cluster"> | undefined
}
