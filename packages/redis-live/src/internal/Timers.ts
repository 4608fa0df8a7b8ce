/**
 * The timers of one client, so that closing it leaves none. They run on the live clock whatever Clock the calling
 * fiber has: connections live in real time, in a world too (house.md, worlds).
 */
export class Timers {
  private readonly running = new Set<NodeJS.Timeout>()
  private closed = false

  after(ms: number, run: () => void): NodeJS.Timeout | undefined {
    if (this.closed) return undefined
    const timer = setTimeout(() => {
      this.running.delete(timer)
      run()
    }, ms)
    this.running.add(timer)
    return timer
  }

  cancel(timer: NodeJS.Timeout | undefined): void {
    if (timer === undefined) return
    clearTimeout(timer)
    this.running.delete(timer)
  }

  close(): void {
    this.closed = true
    for (const timer of this.running) clearTimeout(timer)
    this.running.clear()
  }
}
