/** On which wire each device of a source is. Knows nothing of what is sent. */

import type { Clock, Timer } from "@aiko/mqtt";
import type { Command, RequestResult } from "../command/request.js";
import type { Asker } from "./asker.js";

/** Devices that are remembered. Beyond, the one that was silent longest is forgotten. */
const MOST = 1_024;

export class DeviceWires {
  /** By the name of the device, the least recently heard first. */
  private readonly byDevice = new Map<string, Asker>();
  private readonly open = new Set<Asker>();
  /** Commands that wait until there is a wire to their device. */
  private waiting: { readonly device: string | undefined; readonly command: Command }[] = [];
  private timer: Timer | undefined;
  private isStopped = false;

  /**
   * @param isOne whether the source has one wire, on which all of its devices are
   * @param most commands that may wait for a wire
   */
  constructor(
    private readonly isOne: boolean,
    private readonly most: number,
    private readonly clock: Clock,
  ) {}

  opened(wire: Asker): void {
    this.open.add(wire);
    this.sendWaiting();
  }

  closed(wire: Asker): void {
    this.open.delete(wire);
    for (const [device, each] of this.byDevice) if (each === wire) this.byDevice.delete(device);
  }

  /** A device has sent something. */
  heard(device: string, wire: Asker): void {
    if (!this.open.has(wire)) return; // it said its last before it was closed
    const isNew = this.byDevice.get(device) !== wire;
    this.byDevice.delete(device);
    this.byDevice.set(device, wire);
    if (isNew && this.waiting.length > 0) this.sendWaiting();
    if (this.byDevice.size <= MOST) return;
    for (const longest of this.byDevice.keys()) {
      this.byDevice.delete(longest);
      break;
    }
  }

  /** Sends a command to a device. If there is no wire to it, the command waits for one until it expires: then it is "offline". */
  send(device: string | undefined, command: Command): void {
    const wire = this.find(device);
    if (wire !== undefined) wire.send(command);
    else if (this.isStopped || (device === undefined && !this.isOne)) command.settle(failed("offline"));
    else if (this.waiting.length >= this.most) command.settle(failed("full"));
    else {
      this.waiting.push({ device, command });
      this.expire();
    }
  }

  /** Nothing waits any more. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    for (const { command } of this.waiting.splice(0)) command.settle(failed("offline"));
  }

  private sendWaiting(): void {
    const waiting = this.waiting.splice(0);
    for (const each of waiting) {
      const wire = this.find(each.device);
      if (wire === undefined) this.waiting.push(each);
      else wire.send(each.command);
    }
    this.expire();
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
    this.waiting = waiting.filter(({ command }) => command.expiresAt > now);
    for (const { command } of waiting) if (command.expiresAt <= now) command.settle(failed("offline"));
    if (this.waiting.length === 0) return;
    const first = Math.min(...this.waiting.map(({ command }) => command.expiresAt));
    this.timer = this.clock.schedule(first - now, () => this.expire());
  }
}

function failed(reason: "offline" | "full"): RequestResult {
  return { ok: false, reason, sent: 0 };
}
