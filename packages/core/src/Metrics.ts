/** What an operator asks for, as effect metrics. Names are API for dashboards; the table stands in docs/operations.md. */
import * as Metric from "effect/Metric"

/** Messages that left for the backend. */
export const published = Metric.counter("troupe_pubsub_published", {
  description: "Messages published by this process",
  incremental: true
})

/** Messages given on to subscribers of this process, once for each. */
export const delivered = Metric.counter("troupe_pubsub_delivered", {
  description: "Messages given to subscribers in this process",
  incremental: true
})

/** Gaps told to subscribers, all reasons; with the attribute `reason` they are counted apart. */
export const gaps = Metric.counter("troupe_pubsub_gaps", {
  description: "Gaps told to subscribers in this process, by reason",
  incremental: true
})

/** Channels that this process is subscribed to. */
export const subscriptions = Metric.gauge("troupe_pubsub_subscriptions", {
  description: "Channels subscribed to by this process"
})

/** Connections that were replaced, by role. */
export const reconnects = Metric.counter("troupe_redis_reconnects", {
  description: "Connections to Redis that were replaced, by role",
  incremental: true
})

/** Peers that this process knows of, all states; with the attribute `state` they are counted apart. */
export const peers = Metric.gauge("troupe_peers", {
  description: "Peers in this process' view of the registry, by state"
})

/** Heartbeats of this process that were acknowledged late. */
export const beatsLate = Metric.counter("troupe_peers_beats_late", {
  description: "Heartbeats of this process acknowledged more than one and a half heartbeats after the one before",
  incremental: true
})

/** How long this process' event loop kept a heartbeat's timer waiting. */
export const eventLoopLag = Metric.gauge("troupe_event_loop_lag", {
  description: "Milliseconds by which the timer of the last heartbeat fired late"
})

/** Tasks that the backend has accepted; with the attribute `task` they are counted apart. */
export const tasksEnqueued = Metric.counter("troupe_tasks_enqueued", {
  description: "Tasks enqueued by this process, by task",
  incremental: true
})

/** Tasks that this process has done, as the backend has acknowledged. */
export const tasksCompleted = Metric.counter("troupe_tasks_completed", {
  description: "Tasks completed by this process, by task",
  incremental: true
})

/** Attempts of this process that failed and are tried again. */
export const tasksRetried = Metric.counter("troupe_tasks_retried", {
  description: "Failed attempts of this process that are tried again, by task",
  incremental: true
})

/** Tasks that became dead letters here. */
export const tasksDead = Metric.counter("troupe_tasks_dead", {
  description: "Tasks that ended as dead letters in this process, by task",
  incremental: true
})

/** Runs whose task was taken over by others before they ended: their leases were over. */
export const tasksLost = Metric.counter("troupe_tasks_lost", {
  description: "Runs of this process that lost their task, by task",
  incremental: true
})

/** How long a run took, whatever its end. */
export const taskDuration = Metric.histogram("troupe_tasks_duration", {
  description: "Milliseconds that runs of this process took, by task",
  boundaries: [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000]
})

const cacheCounter = (name: string, description: string) =>
  Metric.counter(`troupe_cache_${name}`, { description: `${description}, by region`, incremental: true })

/** Reads that found something; with the attribute `region` they are counted apart, here and below. */
export const cacheHits = cacheCounter("hits", "Reads of this process that found a value")

/** Those of them that asked nobody. */
export const cacheNearHits = cacheCounter("near_hits", "Reads of this process answered by what it keeps itself")

/** What was kept and not given, for nobody knew whether it still held. */
export const cacheNearBypassed = cacheCounter(
  "near_bypassed",
  "Reads of this process that did not trust what it keeps itself"
)

export const cacheNearEvictions = cacheCounter("near_evictions", "Kept values that made room for others")

export const cacheNearRefused = cacheCounter("near_refused", "Times that the backend refused to push what is written")

export const cacheMisses = cacheCounter("misses", "Reads of this process that found none")

/** Values that were there and do not fit their schema: read as absent. */
export const cacheUndecodable = cacheCounter("undecodable", "Values read by this process that do not fit their schema")

export const cacheLoads = cacheCounter("loads", "Loads that ran in this process")

/** Calls of `getOrSet` that waited for a load that had begun, here or on another peer. */
export const cacheJoined = cacheCounter("joined", "Calls of this process that waited for somebody else's load")

/** Loads that somebody else had begun and did not bring to an end. */
export const cacheTakeovers = cacheCounter("takeovers", "Loads that this process took over from others")

export const cacheStale = cacheCounter("stale", "Old values given while a new one was loaded")

/** What was loaded and not stored: removed, overwritten, tagged away or cleared meanwhile. */
export const cacheRefused = cacheCounter("refused", "Loaded values that were invalid before they could be stored")

/** What was loaded and could not be kept: too large, no fit, or the store took nothing. */
export const cacheUnkept = cacheCounter("unkept", "Loaded values that could not be stored")

/** How long a load took, whatever its end. */
export const cacheLoadDuration = Metric.histogram("troupe_cache_load_duration", {
  description: "Milliseconds that loads of this process took, by region",
  boundaries: [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000]
})

/** Locks that this process holds. Their names are no attribute: there is no end to them. */
export const cacheLocksHeld = Metric.gauge("troupe_cache_locks_held", {
  description: "Locks held by this process"
})

const lockCounter = (name: string, description: string) =>
  Metric.counter(`troupe_cache_locks_${name}`, { description, incremental: true })

/** Calls of `withLock` that did not get their lock at once. */
export const cacheLocksWaited = lockCounter("waited", "Calls of this process that waited for a lock")

/** Calls of `withLock` that waited as long as they were to, and in vain. */
export const cacheLocksTimedOut = lockCounter("timed_out", "Calls of this process that did not get a lock in time")

/** Bodies that were interrupted because their lock could not be proven any more. */
export const cacheLocksLost = lockCounter("lost", "Bodies of this process that lost their lock")

/** What was counted here and never will be flushed, for as many names as may had waited, here or in the store. */
export const statsDropped = Metric.counter("troupe_stats_dropped", {
  description: "Increments and gauges of this process that were dropped for having too many names",
  incremental: true
})

/** Sums that were lost, by name: the layer closed while the store was away, or was silent for a week with one under way. */
export const statsLost = Metric.counter("troupe_stats_lost", {
  description: "Sums of this process that were lost before the store had taken them",
  incremental: true
})

/** Memberships of chat rooms that are open in this process. */
export const chatMembers = Metric.gauge("troupe_chat_members", {
  description: "Memberships of rooms that are open in this process"
})

/** Rooms that this process listens to. */
export const chatListening = Metric.gauge("troupe_chat_listening", {
  description: "Rooms that this process listens to"
})

/** Words of this process that the backend has taken. */
export const chatSaid = Metric.counter("troupe_chat_said", {
  description: "Words said or announced by this process",
  incremental: true
})

/** Events given to listeners of this process, once for each. */
export const chatHeard = Metric.counter("troupe_chat_heard", {
  description: "Events of rooms given to listeners in this process",
  incremental: true
})

/** Gaps told to listeners, all reasons; with the attribute `reason` they are counted apart. */
export const chatGaps = Metric.counter("troupe_chat_gaps", {
  description: "Gaps told to listeners of rooms in this process, by reason",
  incremental: true
})

/** What a middleware of this process refused; with the attribute `hook` (join, say) they are counted apart. */
export const chatRejected = Metric.counter("troupe_chat_rejected", {
  description: "Joins and words that a middleware of this process refused, by hook",
  incremental: true
})

/** Peers that were gone, and whose places this process has seen ended. */
export const chatSwept = Metric.counter("troupe_chat_swept", {
  description: "Peers that were gone and whose places in rooms this process has swept",
  incremental: true
})

const mailboxCounter = (name: string, description: string) =>
  Metric.counter(`troupe_mailbox_${name}`, { description, incremental: true })

/** Letters that the backend has accepted. Neither boxes nor clients are an attribute: there is no end to them. */
export const mailboxDelivered = mailboxCounter("delivered", "Letters delivered by this process")

/** Letters that polls have given, each as often as it was given. */
export const mailboxPolled = mailboxCounter("polled", "Letters given to polls of this process")

/** Polls that said that something is gone. */
export const mailboxLost = mailboxCounter("lost", "Polls of this process that told of lost letters")

/** Letters that were there and do not fit their schema: left out, and told as lost. */
export const mailboxUndecodable = mailboxCounter(
  "undecodable",
  "Letters polled by this process that do not fit their schema"
)

/** Polls with `wait` that are under way. */
export const mailboxWaiting = Metric.gauge("troupe_mailbox_waiting", {
  description: "Polls of this process that wait for letters"
})
