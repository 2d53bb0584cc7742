// The clock of one process: when the process is killed, its scheduled callbacks never run.
import type { Clock } from "@aiko/mqtt";
import type { FakeClock } from "@aiko/mqtt/testing";

interface Alarm {
  readonly at: number;
  cancel(): void;
}

export class ProcessClock implements Clock {
  private readonly alarms = new Set<Alarm>();
  private dead = false;

  constructor(private readonly clock: FakeClock) {}

  now(): number {
    return this.clock.now();
  }

  schedule(delay: number, callback: () => void): Alarm {
    const { alarms } = this;
    const timer = this.clock.schedule(delay, () => {
      alarms.delete(alarm);
      callback();
    });
    const alarm: Alarm = {
      at: this.clock.now() + Math.max(0, delay),
      cancel() {
        alarms.delete(alarm);
        timer.cancel();
      },
    };
    alarms.add(alarm);
    return alarm;
  }

  defer(callback: () => void): void {
    this.clock.defer(() => {
      if (!this.dead) callback();
    });
  }

  /** Milliseconds until its next timer is due; Infinity if it has none. */
  get wait(): number {
    let next = Infinity;
    for (const { at } of this.alarms) next = Math.min(next, at);
    return next - this.clock.now();
  }

  kill(): void {
    this.dead = true;
    for (const alarm of [...this.alarms]) alarm.cancel();
  }
}
