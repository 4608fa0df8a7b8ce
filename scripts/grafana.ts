/**
 * Writes docs/grafana.json: `node scripts/grafana.ts`. A further service is one more row of `rows`; what is named in them is
 * compared with what there is by scripts/operations.test.ts.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const file = path.join(import.meta.dirname, "../docs/grafana.json")

interface Panel {
  readonly title: string
  /** Legend and expression of each line. */
  readonly lines: Readonly<Record<string, string>>
  readonly unit?: "ops" | "ms" | "percentunit" | "short"
}

interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
}

const job = `job=~"$job"`
/** A metric of the jobs that are chosen. */
const of = (name: string, more = ""): string => `troupe_${name}{${job}${more}}`
/** What is counted a second, by a label or altogether. */
const rate = (name: string, by?: string): string =>
  `sum${by === undefined ? "" : ` by (${by})`} (rate(${of(name)}[$__rate_interval]))`
const quantile = (q: number, name: string, by: string): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (rate(${of(`${name}_bucket`)}[$__rate_interval])))`

const rows: ReadonlyArray<Row> = [
  {
    title: "Processes and connections",
    panels: [
      { title: "Event loop lag", unit: "ms", lines: { "{{instance}}": `max by (instance) (${of("event_loop_lag")})` } },
      { title: "Connections replaced", unit: "ops", lines: { "{{role}}": rate("redis_reconnects", "role") } }
    ]
  },
  {
    title: "PeerRegistry",
    panels: [
      { title: "Peers, as each of them sees it", lines: { "{{instance}} {{state}}": of("peers") } },
      {
        title: "Heartbeats acknowledged late",
        unit: "ops",
        lines: { "{{instance}}": rate("peers_beats_late", "instance") }
      }
    ]
  },
  {
    title: "PubSub",
    panels: [
      {
        title: "Messages",
        unit: "ops",
        lines: { published: rate("pubsub_published"), delivered: rate("pubsub_delivered") }
      },
      { title: "Gaps", unit: "ops", lines: { "{{reason}}": rate("pubsub_gaps", "reason") } },
      { title: "Channels subscribed to", lines: { "{{instance}}": of("pubsub_subscriptions") } }
    ]
  },
  {
    title: "Chat",
    panels: [
      { title: "Rooms", unit: "ops", lines: { said: rate("chat_said"), heard: rate("chat_heard") } },
      {
        title: "What did not go well",
        unit: "ops",
        lines: {
          "gap {{reason}}": rate("chat_gaps", "reason"),
          "{{hook}} refused": rate("chat_rejected", "hook"),
          "peers swept": rate("chat_swept")
        }
      },
      {
        title: "Places, and rooms listened to",
        lines: { places: `sum (${of("chat_members")})`, "{{instance}} listens to": of("chat_listening") }
      }
    ]
  },
  {
    title: "TaskQueue",
    panels: [
      {
        title: "Tasks",
        unit: "ops",
        lines: {
          "{{task}} enqueued": rate("tasks_enqueued", "task"),
          "{{task}} completed": rate("tasks_completed", "task")
        }
      },
      {
        title: "Runs",
        unit: "ms",
        lines: {
          "{{task}} half": quantile(0.5, "tasks_duration", "task"),
          "{{task}} 99 of 100": quantile(0.99, "tasks_duration", "task")
        }
      },
      {
        title: "What did not go well",
        unit: "ops",
        lines: {
          "{{task}} tried again": rate("tasks_retried", "task"),
          "{{task}} dead": rate("tasks_dead", "task"),
          "{{task}} taken over": rate("tasks_lost", "task")
        }
      }
    ]
  },
  {
    title: "Cache",
    panels: [
      {
        title: "Reads",
        unit: "ops",
        lines: {
          "{{region}} hits": rate("cache_hits", "region"),
          "{{region}} misses": rate("cache_misses", "region"),
          "{{region}} stale": rate("cache_stale", "region"),
          "{{region}} undecodable": rate("cache_undecodable", "region")
        }
      },
      {
        title: "Near, of all hits",
        unit: "percentunit",
        lines: { "{{region}}": `${rate("cache_near_hits", "region")} / ${rate("cache_hits", "region")}` }
      },
      {
        title: "Near, what is in its way",
        unit: "ops",
        lines: {
          "{{region}} made room": rate("cache_near_evictions", "region"),
          "{{region}} not trusted": rate("cache_near_bypassed", "region"),
          "{{region}} refused": rate("cache_near_refused", "region")
        }
      },
      {
        title: "Loads",
        unit: "ops",
        lines: {
          "{{region}} loaded": rate("cache_loads", "region"),
          "{{region}} waited for": rate("cache_joined", "region"),
          "{{region}} taken over": rate("cache_takeovers", "region"),
          "{{region}} invalid by then": rate("cache_refused", "region"),
          "{{region}} not stored": rate("cache_unkept", "region")
        }
      },
      {
        title: "How long loads take",
        unit: "ms",
        lines: {
          "{{region}} half": quantile(0.5, "cache_load_duration", "region"),
          "{{region}} 99 of 100": quantile(0.99, "cache_load_duration", "region")
        }
      },
      {
        title: "Locks",
        lines: {
          held: `sum (${of("cache_locks_held")})`,
          "waited for, a second": rate("cache_locks_waited"),
          "in vain, a second": rate("cache_locks_timed_out"),
          "lost, a second": rate("cache_locks_lost")
        }
      }
    ]
  },
  {
    title: "Mailbox",
    panels: [
      {
        title: "Letters",
        unit: "ops",
        lines: { delivered: rate("mailbox_delivered"), polled: rate("mailbox_polled") }
      },
      {
        title: "Polls that told of a loss, and letters nobody can read",
        unit: "ops",
        lines: { lost: rate("mailbox_lost"), undecodable: rate("mailbox_undecodable") }
      },
      { title: "Polls that wait", lines: { "{{instance}}": of("mailbox_waiting") } }
    ]
  },
  {
    title: "Stats",
    panels: [
      {
        title: "Not counted",
        unit: "ops",
        lines: { dropped: rate("stats_dropped"), "sums lost": rate("stats_lost") }
      }
    ]
  }
]

const datasource = { type: "prometheus", uid: "${datasource}" }
const width = 24
const height = 8
/** Panels of a row stand beside each other, three at the most. */
const abreast = 3

const panelsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<object> => {
  const all: Array<object> = []
  let y = 0
  for (const row of rows) {
    all.push({
      id: all.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: width, h: 1 }
    })
    y += 1
    const beside = Math.min(abreast, row.panels.length)
    row.panels.forEach(({ lines, title, unit = "short" }, i) =>
      all.push({
        id: all.length + 1,
        type: "timeseries",
        title,
        datasource,
        gridPos: {
          x: (i % beside) * (width / beside),
          y: y + Math.floor(i / beside) * height,
          w: width / beside,
          h: height
        },
        fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
        options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
        targets: Object.entries(lines).map(([legendFormat, expr], i) => ({
          refId: String.fromCharCode(65 + i),
          datasource,
          expr,
          legendFormat
        }))
      })
    )
    y += Math.ceil(row.panels.length / beside) * height
  }
  return all
}

export const dashboard = {
  title: "Troupe",
  uid: "troupe",
  tags: ["troupe"],
  schemaVersion: 39,
  editable: true,
  refresh: "30s",
  time: { from: "now-3h", to: "now" },
  templating: {
    list: [
      { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
      {
        name: "job",
        label: "Job",
        type: "query",
        datasource,
        query: { query: `label_values({__name__=~"troupe_.+"}, job)`, refId: "jobs" },
        refresh: 2,
        multi: true,
        includeAll: true,
        allValue: ".*",
        current: { text: "All", value: "$__all" }
      }
    ]
  },
  panels: panelsOf(rows)
}

if (import.meta.main) {
  fs.writeFileSync(file, JSON.stringify(dashboard))
  spawnSync(path.join(import.meta.dirname, "../node_modules/.bin/oxfmt"), [file], { stdio: "inherit" })
}
