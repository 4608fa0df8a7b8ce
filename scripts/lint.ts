/**
 * Lint rules of this repository. `effect` and Troupe both have a `Cache` and a `PubSub`: in here effect's are called
 * `EffectCache` and `EffectPubSub`, so that a reader never has to ask which one is meant.
 */

const ours = new Set(["Cache", "PubSub"])

interface Specifier {
  readonly type: "ImportSpecifier" | "ImportNamespaceSpecifier" | "ImportDefaultSpecifier"
  readonly imported?: { readonly name?: string; readonly value?: string }
  readonly local: { readonly name: string }
}

interface Import {
  readonly source: { readonly value: string }
  readonly specifiers: ReadonlyArray<Specifier>
}

interface Context {
  readonly report: (problem: { readonly node: unknown; readonly message: string }) => void
}

/** Which of effect's modules a specifier brings in, if any. */
const moduleOf = (source: string, specifier: Specifier): string | undefined => {
  if (specifier.type === "ImportNamespaceSpecifier") return /^effect\/(\w+)$/.exec(source)?.[1]
  return source === "effect" ? (specifier.imported?.name ?? specifier.imported?.value) : undefined
}

const effectAlias = {
  create: (context: Context) => ({
    ImportDeclaration: (node: Import) => {
      for (const specifier of node.specifiers) {
        const module = moduleOf(node.source.value, specifier)
        if (module === undefined || !ours.has(module) || specifier.local.name === `Effect${module}`) continue
        context.report({ node: specifier, message: `Import effect's ${module} as Effect${module}: ${module} is ours.` })
      }
    }
  })
}

export default { meta: { name: "troupe" }, rules: { "effect-alias": effectAlias } }
