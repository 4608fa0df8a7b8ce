import * as Conformance from "@troupe/testkit/Conformance"
import * as MailboxLaws from "@troupe/testkit/laws/MailboxLaws"
import * as MailboxWaitLaws from "@troupe/testkit/laws/MailboxWaitLaws"
import * as MemoryMailbox from "@troupe/testkit/MemoryMailbox"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite("Mailbox on memory", { ...MailboxLaws, ...MailboxWaitLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryMailbox.layer })
)
