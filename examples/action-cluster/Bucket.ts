/** How much somebody may do: so often, and so many at once. */

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Full to begin with. */
export class Bucket {
  private readonly rate: Rate
  private level: number
  private at: number

  constructor(rate: Rate, nowMs: number) {
    this.rate = rate
    this.level = rate.burst
    this.at = nowMs
  }

  /** Takes one; false: there is none. A clock that goes back fills nothing. */
  take(nowMs: number): boolean {
    const { burst, perSecond } = this.rate
    this.level = Math.min(burst, this.level + (Math.max(0, nowMs - this.at) / 1_000) * perSecond)
    this.at = nowMs
    if (this.level < 1) return false
    this.level -= 1
    return true
  }
}

/** Buckets by name. Of those nobody has asked for the longest the number is bounded. */
export class Buckets {
  private readonly rate: Rate
  private readonly most: number
  private readonly buckets = new Map<string, Bucket>()

  constructor(rate: Rate, most: number) {
    this.rate = rate
    this.most = most
  }

  take(name: string, nowMs: number): boolean {
    const bucket = this.buckets.get(name) ?? new Bucket(this.rate, nowMs)
    this.buckets.delete(name)
    this.buckets.set(name, bucket)
    if (this.buckets.size > this.most) {
      const [oldest] = this.buckets.keys()
      this.buckets.delete(oldest!)
    }
    return bucket.take(nowMs)
  }
}
