/** Sends the requests of a wire when they are due. Knows nothing of what they say. */

import type { Clock, Timer } from "@aiko/mqtt";
import type { Command } from "../command/request.js";
import type { Requests } from "../command/requests.js";

export class Asker {
  private timer: Timer | undefined;
  private isHeld = false;
  private isClosed = false;

  /** @param write writes to the device */
  constructor(
    readonly requests: Requests,
    private readonly clock: Clock,
    private readonly write: (bytes: Uint8Array) => void,
  ) {}

  /** Sends a command as soon as the wire is free. */
  send(command: Command): void {
    if (this.isClosed) {
      command.settle({ ok: false, reason: "offline" });
      return;
    }
    this.requests.add(command);
    this.run();
  }

  /** While the wire is not read, no answer can come: nothing is asked. */
  hold(isHeld: boolean): void {
    this.isHeld = isHeld;
    if (isHeld) this.timer?.cancel();
    else this.run();
  }

  /** Sends what is due. Call it after a frame, which may have been an answer. */
  run(): void {
    if (this.isHeld || this.isClosed) return;
    const { requests, clock } = this;
    const now = clock.now();
    const again = requests.advance(now);
    if (again !== undefined) this.write(again);
    for (let bytes = requests.next(now); bytes !== undefined; bytes = requests.next(now)) this.write(bytes);
    this.timer?.cancel();
    const deadline = requests.deadline();
    this.timer = deadline === Infinity ? undefined : clock.schedule(Math.max(0, deadline - now), () => this.run());
  }

  /** The wire is closed. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.timer?.cancel();
    this.requests.close();
  }
}
