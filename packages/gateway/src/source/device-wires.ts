/** On which wire each device of a source is. Knows nothing of what is sent. */

import type { Asker } from "./asker.js";

/** Devices that are remembered. Beyond, the one that was silent longest is forgotten. */
const MOST = 1_024;

export class DeviceWires {
  /** By the name of the device, the least recently heard first. */
  private readonly byDevice = new Map<string, Asker>();
  private readonly open = new Set<Asker>();

  /** @param isOne whether the source has one wire, on which all of its devices are */
  constructor(private readonly isOne: boolean) {}

  opened(wire: Asker): void {
    this.open.add(wire);
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

  /** Returns the wire of a device. Undefined: it has none. */
  find(device: string | undefined): Asker | undefined {
    if (!this.isOne) return device === undefined ? undefined : this.byDevice.get(device);
    const [only] = this.open;
    return only;
  }
}
