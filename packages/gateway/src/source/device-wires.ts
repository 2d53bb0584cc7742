/** On which wire each device of a source is. Knows nothing of what is sent. */

import type { Clock, Timer } from "@aiko/mqtt";
import type { Command } from "../command/request.js";
import type { Asker } from "./asker.js";

/** Devices that are remembered. Beyond, the one that was silent longest is forgotten. */
const MOST = 1_024;

export class DeviceWires {
  /** By the name of the device, the least recently heard first. */
  private readonly byDevice = new Map<string, Asker>();
  private readonly open = new Set<Asker>();
  /** Commands that wait until the one wire is open. */
  private waiting: Command[] = [];
  private timer: Timer | undefined;
  private isStopped = false;

  /**
   * @param isOne whether the source has one wire, on which all of its devices are
   * @param most commands that may wait for it
   */
  constructor(
    private readonly isOne: boolean,
    private readonly most: number,
    private readonly clock: Clock,
  ) {}

  opened(wire: Asker): void {
    this.open.add(wire);
    for (const command of this.waiting.splice(0)) wire.send(command);
    this.expire();
  }

  closed(wire: Asker): void {
    this.open.delete(wire);
    for (const [device, each] of this.byDevice) if (each === wire) this.byDevice.delete(device);
  }

  /** A device has sent something. */
  heard(device: string, wire: Asker): void {
    this.byDevice.delete(device);
    this.byDevice.set(device, wire);
    if (this.byDevice.size <= MOST) return;
    for (const longest of this.byDevice.keys()) {
      this.byDevice.delete(longest);
      break;
    }
  }

  /**
   * Sends a command to a device. If the source has one wire, and that is not open, the command waits until it is. Otherwise, a device that is not
   * connected is not known: the command is "offline".
   */
  send(device: string | undefined, command: Command): void {
    const wire = this.find(device);
    if (wire !== undefined) wire.send(command);
    else if (!this.isOne || this.isStopped) command.settle({ ok: false, reason: "offline" });
    else if (this.waiting.length >= this.most) command.settle({ ok: false, reason: "full" });
    else {
      this.waiting.push(command);
      this.expire();
    }
  }

  /** Nothing waits any more. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    for (const command of this.waiting.splice(0)) command.settle({ ok: false, reason: "offline" });
  }

  private find(device: string | undefined): Asker | undefined {
    if (!this.isOne) return device === undefined ? undefined : this.byDevice.get(device);
    const [only] = this.open;
    return only;
  }

  private expire(): void {
    this.timer?.cancel();
    const now = this.clock.now();
    const { waiting } = this;
    this.waiting = waiting.filter(({ expiresAt }) => expiresAt > now);
    for (const command of waiting) if (command.expiresAt <= now) command.settle({ ok: false, reason: "expired" });
    if (this.waiting.length === 0) return;
    const first = Math.min(...this.waiting.map(({ expiresAt }) => expiresAt));
    this.timer = this.clock.schedule(first - now, () => this.expire());
  }
}
