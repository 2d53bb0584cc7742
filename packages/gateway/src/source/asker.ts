/** Sends the requests of a wire when they are due. Knows nothing of what they say. */

import type { Clock, Timer } from "@aiko/mqtt";
import type { Command } from "../command/request.js";
import type { Requests } from "../command/requests.js";

/** Milliseconds between the end of a timeout and what follows: if this process was held up, the answer may wait in the kernel. */
const LAST_LOOK = 10;

export class Asker {
  private timer: Timer | undefined;
  private isHeld = false;
  private isClosed = false;

  /** @param write writes to the device, and returns whether that was possible */
  constructor(
    readonly requests: Requests,
    private readonly clock: Clock,
    private readonly write: (bytes: Uint8Array) => boolean,
  ) {}

  /** Sends a command as soon as the wire is free. */
  send(command: Command): void {
    if (this.isClosed) {
      command.settle({ ok: false, reason: "offline", sent: 0 });
      return;
    }
    this.requests.add(command);
    this.run();
  }

  /** While the wire is not read, no answer can come: nothing is asked. */
  hold(isHeld: boolean): void {
    this.isHeld = isHeld;
    if (!isHeld) this.requests.resumed(this.clock.now());
    this.run();
  }

  /** Sends what is due. Call it after a frame, which may have been an answer. */
  run(): void {
    if (this.isClosed) return;
    const { requests, clock } = this;
    const now = clock.now();
    if (this.isHeld) requests.expire(now);
    else this.sendAll(now);
    this.timer?.cancel();
    const deadline = this.isHeld ? requests.expiry() : requests.deadline();
    this.timer = deadline === Infinity ? undefined : clock.schedule(Math.max(0, deadline - now), () => this.look());
  }

  /** The wire is closed. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.timer?.cancel();
    this.requests.close();
  }

  private look(): void {
    if (this.requests.isAwaiting) this.timer = this.clock.schedule(LAST_LOOK, () => this.advance());
    else this.advance();
  }

  private advance(): void {
    const again = this.isHeld ? undefined : this.requests.advance(this.clock.now());
    if (again !== undefined) this.requests.wrote(this.write(again));
    this.run();
  }

  private sendAll(now: number): void {
    const { requests } = this;
    for (let bytes = requests.next(now); bytes !== undefined; bytes = requests.next(now))
      requests.wrote(this.write(bytes));
  }
}
