import type * as Io from "ioredis"
import { closed, type Failure, unavailable } from "./errors.ts"
import type { Ioredis } from "./Session.ts"
import type { Settings } from "./Settings.ts"

/** ioredis' own Cluster, for `use` alone: opened when first used, and anew where it has ended. */
export class SharedCluster {
  private readonly io: Ioredis
  private readonly settings: Settings
  private client: Io.Cluster | undefined
  private closed = false

  constructor(io: Ioredis, settings: Settings) {
    this.io = io
    this.settings = settings
  }

  ready(): Promise<{ readonly client: Io.Cluster } | { readonly failure: Failure }> {
    if (this.closed) return Promise.resolve({ failure: closed(false) })
    const client = this.client ?? this.open()
    if (client.status === "ready") return Promise.resolve({ client })
    return new Promise((resolve) => {
      const up = (): void => {
        client.off("end", down)
        resolve({ client })
      }
      const down = (): void => {
        client.off("ready", up)
        resolve({ failure: unavailable("no node of the cluster can be reached") })
      }
      client.once("ready", up)
      client.once("end", down)
    })
  }

  close(): void {
    this.closed = true
    this.client?.disconnect()
  }

  private open(): Io.Cluster {
    const { password, place, tls, username } = this.settings
    const client = new this.io.Cluster(place._tag === "Cluster" ? [...place.nodes] : [], {
      enableOfflineQueue: false,
      retryDelayOnFailover: 0,
      slotsRefreshTimeout: 2_000,
      slotsRefreshInterval: 15_000,
      clusterRetryStrategy: () => null,
      redisOptions: {
        ...(tls === undefined
          ? {}
          : {
              tls: {
                minVersion: "TLSv1.2",
                ...(tls.ca === undefined ? {} : { ca: tls.ca }),
                ...(tls.cert === undefined ? {} : { cert: tls.cert }),
                ...(tls.key === undefined ? {} : { key: tls.key }),
                ...(tls.servername === undefined ? {} : { servername: tls.servername })
              }
            }),
        username,
        password,
        maxRetriesPerRequest: 0,
        autoResendUnfulfilledCommands: false,
        enableReadyCheck: false,
        disableClientInfo: true,
        commandTimeout: this.settings.commandTimeoutMs,
        connectTimeout: 1_000,
        keepAlive: 5_000
      }
    })
    client.on("error", () => {})
    client.once("end", () => {
      if (this.client === client) this.client = undefined
    })
    this.client = client
    return client
  }
}
