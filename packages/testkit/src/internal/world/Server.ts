/** The server as all peers of a world meet it: is it there, is it full, what time has it, and which life is it in. */
import type * as Wire from "@troupe/core/Wire"
import type { Time } from "./Time.ts"

export class Server implements Wire.Server {
  stopped = false
  full = false
  /** How far its clock has jumped. */
  stepMs = 0
  private readonly time: Time
  private life = 1

  constructor(time: Time) {
    this.time = time
  }

  readonly now = (): number => this.time.now + this.stepMs

  readonly run = (): string => `run-${this.life}`

  /** Another server takes over: what it knows is not what this one knew. */
  takeOver(): void {
    this.life++
  }
}
