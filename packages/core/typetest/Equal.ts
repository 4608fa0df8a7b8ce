/** Type tests are files that compile: `true satisfies Equal<A, B>` where two types are one, `@ts-expect-error` elsewhere. */

/** `true` where neither type can be told from the other, `any` and optional or readonly members included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
