/** Which services have laws, where these stand, and the mistakes that they must notice. */
import type { Mutant } from "../../packages/testkit/test/mutants/Mutant.ts"
import { mutants as peers } from "../../packages/testkit/test/mutants/PeerRegistry.ts"
import { mutants as pubsub } from "../../packages/testkit/test/mutants/PubSub.ts"

export interface Laws {
  /** From the repository's root. */
  readonly file: string
  readonly mutants: ReadonlyArray<Mutant>
}

export const services: Readonly<Record<string, Laws>> = {
  PeerRegistry: { file: "packages/testkit/src/laws/PeerRegistryLaws.ts", mutants: peers },
  PubSub: { file: "packages/testkit/src/laws/PubSubLaws.ts", mutants: pubsub }
}
