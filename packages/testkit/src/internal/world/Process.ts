/**
 * One simulated process, as the clock, the scheduler and the wire of its peer see it alike: does its event loop turn,
 * does it live, and how far is its clock off.
 */
export class Process {
  /** 0 is the law itself, which watches from outside. */
  readonly id: number
  readonly name: string
  /** Its event loop stands still. */
  frozen = false
  /** Gone without a goodbye: only its finalizers run, and nothing of them is seen. */
  crashed = false
  /** Its scope has closed. */
  ended = false
  skewMs = 0
  /** What a crashed process has slept through: its finalizers wait for nobody. */
  sleptMs = 0
  /** What its fibers were about to do when it froze. */
  readonly held: Array<() => void> = []

  constructor(id: number, name: string) {
    this.id = id
    this.name = name
  }

  /** Runs this on the process' event loop: now, or when that turns again. */
  run(task: () => void): void {
    if (this.frozen) this.held.push(task)
    else task()
  }

  freeze(): void {
    this.frozen = true
  }

  thaw(): void {
    this.frozen = false
    for (const task of this.held.splice(0)) task()
  }
}
