/**
 * A TCP proxy in front of a server, to do to its clients what networks do: refuse, fall silent in one direction or in
 * both, deliver late, cut a connection after the server has executed and before it has answered.
 *
 * A client names its connections (`troupe:<role>`), so that a fault can be done to one role alone.
 */
import * as net from "node:net"
import { Counted, type RoundTrips } from "./RoundTrips.ts"

/** `hold` keeps what comes, in order, for `release`, even after the client is gone: a write that arrives late. */
export type Way = "pass" | "hold" | "drop"

interface Pair {
  role: string | undefined
  readonly client: net.Socket
  server: net.Socket
  cut: (() => void) | undefined
  isSilent: boolean
  readonly toServer: Array<Buffer>
  readonly toClient: Array<Buffer>
  readonly counted: Counted | undefined
}

export class Proxy {
  readonly host = "127.0.0.1"
  port = 0
  /** New connections: let through, closed at once, or accepted and left alone. */
  accept: "pass" | "close" | "ignore" = "pass"
  /** What happens to data; on the connections of `roles` alone, if it is set. */
  toServer: Way = "pass"
  toClient: Way = "pass"
  roles: ReadonlySet<string> | undefined
  /** What passes takes so long, ms, each way. */
  delayMs = 0
  /** Told of what comes from clients, and of what goes to them, by connections that are made from now on. */
  trips: RoundTrips | undefined
  /** Requests that match do not arrive. */
  swallow: RegExp | undefined
  /** Accepted so far. */
  accepted = 0
  /** What each connection began with. */
  readonly firstBytes: Array<number> = []
  private cut: { readonly matches: RegExp; readonly done: () => void } | undefined
  private readonly pairs = new Set<Pair>()
  private listener: net.Server
  private readonly target: { readonly host: string; readonly port: number }

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.target = { host: target.host, port: target.port }
    this.listener = net.createServer((client) => this.connected(client))
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
    const proxy = new Proxy(target)
    await proxy.listen()
    return proxy
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`
  }

  /** How many pieces wait for `release` on their way to clients. */
  get held(): number {
    let sum = 0
    for (const { toClient } of this.pairs) sum += toClient.length
    return sum
  }

  /** Nobody listens on the port: connections are refused. Those that stand, stay. */
  async deafen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.listener.close()
      resolve()
    })
    this.listener = net.createServer((client) => this.connected(client))
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.listener.once("error", reject).listen(this.port, this.host, () => resolve())
    })
    const address = this.listener.address()
    if (address !== null && typeof address === "object") this.port = address.port
  }

  /** Ends all connections of the role, or of all. */
  kill(role?: string): void {
    for (const pair of this.pairs) if (role === undefined || pair.role === role) this.destroy(pair)
  }

  /** The next request that matches is executed; its connection ends before the answer is given on. */
  cutAnswerTo(matches: RegExp): Promise<void> {
    return new Promise((done) => {
      this.cut = { matches, done }
    })
  }

  /**
   * Puts another connection to the server in the place of the role's, greeted as a client greets: it answers, and the
   * server knows of no subscription on it.
   */
  async swapServer(role: string): Promise<void> {
    for (const pair of this.pairs) {
      if (pair.role !== role) continue
      const server = net.connect({ ...this.target, noDelay: true })
      await new Promise<void>((resolve) => {
        server.once("data", () => resolve())
        server.write("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n")
      })
      pair.server.removeAllListeners()
      pair.server.on("error", () => {}).destroy()
      pair.server = server
      this.answers(pair, server)
    }
  }

  /** Nothing passes any more on the connections that the role has now; new ones are as ever. */
  silence(role: string): void {
    for (const pair of this.pairs) if (pair.role === role) pair.isSilent = true
  }

  /** Says something to the role's clients that the server did not say. */
  inject(role: string, text: string): void {
    for (const pair of this.pairs) if (pair.role === role) pair.client.write(text)
  }

  /** Everything as it should be, what was held goes out. */
  heal(): void {
    this.accept = "pass"
    this.toServer = this.toClient = "pass"
    this.release()
  }

  release(): void {
    for (const pair of this.pairs) {
      for (const data of pair.toServer.splice(0)) pair.server.write(data)
      for (const data of pair.toClient.splice(0)) pair.client.write(data)
    }
  }

  async stop(): Promise<void> {
    this.kill()
    await new Promise<void>((resolve) => {
      this.listener.close(() => resolve())
    })
  }

  private destroy(pair: Pair): void {
    this.pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }

  private passed(write: () => void): void {
    if (this.delayMs === 0) write()
    else setTimeout(write, this.delayMs)
  }

  private way(pair: Pair, way: Way): Way {
    if (pair.isSilent) return "drop"
    return this.roles === undefined || (pair.role !== undefined && this.roles.has(pair.role)) ? way : "pass"
  }

  private connected(client: net.Socket): void {
    this.accepted++
    client.on("error", () => {})
    if (this.accept === "close") return void client.destroy()
    const server = net.connect({ ...this.target, noDelay: true })
    client.setNoDelay(true)
    const counted = this.trips && new Counted(this.trips)
    const pair: Pair = {
      role: undefined,
      client,
      server,
      cut: undefined,
      isSilent: false,
      toServer: [],
      toClient: [],
      counted
    }
    this.pairs.add(pair)
    client.once("data", (data) => void this.firstBytes.push(data[0] ?? -1))
    if (this.accept === "ignore") {
      client.on("close", () => this.destroy(pair))
      return
    }
    client.on("data", (data) => {
      pair.role ??= /troupe:(\w+)/.exec(data.toString("latin1"))?.[1]
      if (counted !== undefined) {
        counted.role = pair.role
        counted.sent(data)
      }
      if (this.cut?.matches.test(data.toString("latin1")) === true) {
        pair.cut = this.cut.done
        this.cut = undefined
      }
      if (this.swallow?.test(data.toString("latin1")) === true) return
      const way = this.way(pair, this.toServer)
      if (way === "pass") this.passed(() => pair.server.write(data))
      else if (way === "hold") pair.toServer.push(data)
    })
    // What is held may come out after its client has gone.
    client.on("close", () => {
      if (pair.toServer.length === 0 && this.way(pair, this.toServer) === "pass") this.destroy(pair)
    })
    this.answers(pair, server)
  }

  private answers(pair: Pair, server: net.Socket): void {
    server.on("error", () => {})
    server.on("data", (data) => {
      if (pair.cut !== undefined) {
        this.destroy(pair)
        return pair.cut()
      }
      const way = this.way(pair, this.toClient)
      if (way === "hold") pair.toClient.push(data)
      if (way !== "pass") return
      this.passed(() => {
        pair.counted?.answered(data)
        pair.client.write(data)
      })
    })
    server.on("close", () => {
      if (this.way(pair, this.toClient) === "pass") this.destroy(pair)
    })
  }
}
