/** How old a record may become. Guards against a clock that jumps: what is not known to be old is kept. Reads no clock of its own. */

/** The clocks of a spool. */
export interface SpoolClock {
  /** Returns the time in milliseconds since the Unix epoch, as the system's clock has it. It may jump. */
  wallTime(): number;
  /** Returns a time in milliseconds that never goes back. */
  now(): number;
}

/** Routers without a battery start in 1970. Before this time, 2020-01-01, a clock has not been set. */
const EARLIEST = 1_577_836_800_000;
/** A larger difference between the two clocks' steps is a jump. */
const JUMP = 3_600_000;

export class AgeLimit {
  private offset: number;
  private jumpedAt = -Infinity;

  /** @param maximumAge in milliseconds; Infinity without a limit */
  constructor(
    private readonly clock: SpoolClock,
    private readonly maximumAge: number,
  ) {
    this.offset = clock.wallTime() - clock.now();
  }

  /** When a record that comes now was accepted; 0 if the clock is not set. */
  acceptedAt(): number {
    const time = Math.floor(this.clock.wallTime());
    return time < EARLIEST ? 0 : time;
  }

  /** Whether a record that was accepted at this time is too old. After a jump, nothing is until `maximumAge` has passed. */
  isExpired(acceptedAt: number): boolean {
    if (acceptedAt === 0 || this.maximumAge === Infinity) return false;
    const wallTime = this.clock.wallTime();
    const now = this.clock.now();
    if (Math.abs(wallTime - now - this.offset) > JUMP) this.jumpedAt = now;
    this.offset = wallTime - now;
    if (wallTime < EARLIEST || now - this.jumpedAt <= this.maximumAge) return false;
    return wallTime - acceptedAt > this.maximumAge;
  }
}
