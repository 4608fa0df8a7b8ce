/**
 * One connection, from its opening to its end. It is never opened twice: a lost one is replaced by another session
 * (Lane), so that nothing of the old one (queues, subscriptions, half a handshake) lives on in the new (E1–E8, E22).
 *
 * Before anything of ours goes out, a new session ends its predecessors on the server: a write that was given up may
 * still lie in a kernel and come out later (q9). For the same reason a lost connection ends with a reset of its TCP
 * socket, which throws away what was not delivered yet.
 */
import type * as Io from "ioredis"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { type Failure, fromOpening, unavailable } from "./errors.ts"
import type { Role } from "./Request.ts"
import type { Arg } from "./Script.ts"
import type { Timers } from "./Timers.ts"
import type { Timing } from "./Timing.ts"

/** The values of ioredis, handed in by RedisClient.ts, the one file that imports them. */
export interface Ioredis {
  readonly Redis: typeof Io.Redis
  readonly Cluster: typeof Io.Cluster
  readonly Command: typeof Io.Command
  readonly AbstractConnector: typeof Io.AbstractConnector
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface TlsSettings {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly servername: string | undefined
}

/** What all sessions of a client have in common. */
export interface SessionConfig {
  readonly io: Ioredis
  readonly timers: Timers
  readonly timing: Timing
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: TlsSettings | undefined
  /** A sentinel may name a server that is no primary any more. */
  readonly mustBePrimary: boolean
}

/** A connection as the server knows it: ids alone begin anew with every start of the server. */
export interface Identity {
  readonly id: string
  readonly address: string
}

export interface SessionEvents {
  readonly opened: (session: Session) => void
  /** Once, whether it had opened or not. */
  readonly ended: (session: Session, failure: Failure) => void
  readonly message: (session: Session, channel: string, payload: string) => void
  /** Keys that it watches have changed; undefined: all of them. */
  readonly changed: (keys: ReadonlyArray<string> | undefined) => void
  /** The server took subscriptions away: their slot moved. */
  readonly moved: (session: Session) => void
}

const ignore = (): void => {}

export class Session {
  readonly where: string
  readonly client: Io.Redis
  identity: Identity | undefined
  ended = false
  /** Requests written and not answered. */
  underWay = 0
  /** Channels that the server has confirmed on this connection. */
  readonly subscribed = new Set<string>()
  /** Ended on the server before this one says anything else. */
  readonly ghosts: ReadonlyArray<Identity>
  private readonly config: SessionConfig
  private readonly events: SessionEvents
  private readonly tcp: Net.Socket
  private readonly stream: Net.Socket
  private timer: NodeJS.Timeout | undefined
  private isOpen = false
  private error: unknown

  constructor(
    config: SessionConfig,
    endpoint: Endpoint,
    role: Role | "reserved",
    ghosts: ReadonlyArray<Identity>,
    events: SessionEvents
  ) {
    this.config = config
    this.events = events
    this.ghosts = ghosts
    const { io, tls } = config
    const { host, port } = endpoint
    this.where = `${host}:${port}`
    const tcp = Net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 5_000 })
    const stream = tls === undefined ? tcp : Tls.connect(tlsOptions(tcp, endpoint, tls))
    this.tcp = tcp
    this.stream = stream
    tcp.on("error", (error) => (this.error ??= error))
    stream.on("error", (error) => (this.error ??= error))
    this.client = new io.Redis({
      Connector: class extends io.AbstractConnector {
        constructor() {
          super(0)
        }
        connect(): Promise<Net.Socket> {
          this.stream = stream
          return Promise.resolve(stream)
        }
      },
      ...(tls === undefined ? {} : { tls: {} }),
      username: config.username,
      password: config.password,
      db: config.database,
      connectionName: `troupe:${role}`,
      // It drops what RESP3 pushes of keys (https://github.com/redis/ioredis/issues/1161).
      protocol: role === "tracking" ? 2 : 3,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      disableClientInfo: true,
      connectTimeout: 0,
      keepAlive: 5_000
    })
    this.client.on("error", (error: Error) => {
      this.error ??= error
      // An answer that nobody waits for: whose the next ones are is not known any more.
      if (error.message.startsWith("Command queue state error")) this.finish()
    })
    this.client.on("ready", () => this.introduce())
    this.client.on("close", () => this.finish())
    if (role === "subscriber") {
      this.client.on("smessage", (channel: string, payload: string) => events.message(this, channel, payload))
      this.client.on("moved", () => events.moved(this))
    }
    if (role === "tracking") {
      this.client.on("messageBuffer", (_: unknown, keys: unknown) =>
        events.changed(Array.isArray(keys) ? keys.map(String) : undefined)
      )
    }
    if (role === "listener") {
      this.client.on("message", (channel: string, payload: string) => events.message(this, channel, payload))
    }
    this.allow("no connection")
    this.client.connect().catch(ignore)
  }

  /** Bytes that wait for the network to take them. */
  get backlog(): number {
    return this.stream.writableLength
  }

  /** The reply with its bulk strings as text. Rejects with what ioredis says; `errors.ts` reads it. */
  command(name: string, args: Array<Arg>): Promise<unknown> {
    const command = new this.config.io.Command(name, args, { replyEncoding: "utf8" })
    this.client.sendCommand(command)
    return command.promise
  }

  /** Ends connections of ours that were given up, before anything that is sent from here later is done. */
  kill(ghosts: ReadonlyArray<Identity>): void {
    for (const { address, id } of ghosts) this.command("CLIENT", ["KILL", "ID", id, "ADDR", address]).catch(ignore)
  }

  /** Gives the connection up: what is still under way to the server is thrown away where that can be done. */
  end(why: string): void {
    if (this.ended) return
    this.error ??= why
    this.finish()
  }

  /** Ends it in good order. Answers when the socket is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.stream.closed) return resolve()
      this.stream.once("close", () => resolve())
      this.settled()
      this.stream.destroy()
      this.tcp.destroy()
    })
  }

  private introduce(): void {
    if (this.ended) return
    this.config.timers.cancel(this.timer)
    this.allow("no answer")
    this.kill(this.ghosts)
    const info = this.command("CLIENT", ["INFO"]).then(
      (reply) => {
        const [, id] = /(?:^| )id=(\d+)/.exec(String(reply)) ?? []
        const [, address] = / addr=(\S+)/.exec(String(reply)) ?? []
        if (id !== undefined && address !== undefined) this.identity = { id, address }
      },
      // Without +client|info nobody can end this connection later: docs/operations.md says what that costs.
      ignore
    )
    const alive = this.config.mustBePrimary
      ? this.command("ROLE", []).then((reply) => {
          if (!Array.isArray(reply) || reply[0] !== "master") this.end("it is not the primary")
        })
      : this.command("PING", [])
    Promise.all([info, alive]).then(
      () => {
        if (this.ended) return
        this.config.timers.cancel(this.timer)
        this.timer = undefined
        this.isOpen = true
        this.events.opened(this)
      },
      (error: unknown) => {
        this.error ??= error
        this.finish()
      }
    )
  }

  /** For so long the server may leave that out. What has arrived while this process stood still is read first. */
  private allow(lacking: "no connection" | "no answer"): void {
    const { timers, timing } = this.config
    const timer = timers.after(timing.connectTimeout, () =>
      setImmediate(() => {
        if (this.timer === timer) this.end(lacking)
      })
    )
    this.timer = timer
  }

  private settled(): boolean {
    if (this.ended) return false
    this.ended = true
    this.config.timers.cancel(this.timer)
    this.client.removeAllListeners("smessage")
    this.client.removeAllListeners("message")
    this.client.removeAllListeners("moved")
    this.client.removeAllListeners("messageBuffer")
    return true
  }

  private finish(): void {
    if (!this.settled()) return
    if (!this.tcp.destroyed) {
      // A socket that is still connecting would wait for its connection before the reset.
      if (this.tcp.connecting) this.tcp.destroy()
      else this.tcp.resetAndDestroy()
    }
    this.stream.destroy()
    this.events.ended(this, this.failure())
  }

  private failure(): Failure {
    const { error, where } = this
    if (this.isOpen && typeof error !== "string") return unavailable(`the connection to ${where} was closed`)
    return typeof error === "string"
      ? unavailable(
          error === "no connection" || error === "no answer"
            ? `${where} gave ${error} within ${this.config.timing.connectTimeout} ms`
            : `the connection to ${where} was given up: ${error}`
        )
      : fromOpening(where, error)
  }
}

const tlsOptions = (socket: Net.Socket, { host }: Endpoint, tls: TlsSettings): Tls.ConnectionOptions => {
  const servername = tls.servername ?? (Net.isIP(host) === 0 ? host : undefined)
  return {
    socket,
    host,
    minVersion: "TLSv1.2",
    ...(servername === undefined ? {} : { servername }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key })
  }
}
