/** Mailbox' laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as Conformance from "@troupe/testkit/Conformance"
import * as MailboxLaws from "@troupe/testkit/laws/MailboxLaws"
import * as MailboxModel from "@troupe/testkit/laws/MailboxModel"
import * as MailboxWaitLaws from "@troupe/testkit/laws/MailboxWaitLaws"
import * as MemoryMailbox from "@troupe/testkit/MemoryMailbox"
import * as RedisMailbox from "../src/RedisMailbox.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    Conformance.suite("Mailbox", { ...MailboxLaws, ...MailboxWaitLaws }, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisMailbox.layer })
    )

    playsAsMemoryDoes(MailboxModel, MemoryMailbox.store, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisMailbox.store })
    )
  })
}
