/** The devices of one source: which are online. Pure: time is an argument, in milliseconds. Publishes nothing, and knows no topic's meaning. */

/** Devices of a source that are known. A stranger may send any number of names. */
export const MOST_DEVICES = 1_000;

export interface Device {
  readonly name: string;
  /** That of its first record. */
  readonly topic: string;
  /** Undefined: its availability is not published. */
  readonly availability: string | undefined;
}

export interface DeviceCounts {
  readonly online: number;
  readonly offline: number;
}

export class Devices {
  /** When each was last seen; the one that was seen longest ago is the first. */
  private readonly online = new Map<string, { readonly device: Device; readonly at: number }>();
  private readonly offline = new Map<string, Device>();

  /** @param silence milliseconds after which a device is offline; 0: never */
  constructor(
    private readonly silence: number,
    private readonly most = MOST_DEVICES,
  ) {}

  get counts(): DeviceCounts {
    return { online: this.online.size, offline: this.offline.size };
  }

  /** Each device, and when it was last seen if it is online. Those that were seen longest ago are the first. */
  get all(): readonly (readonly [Device, number | undefined])[] {
    const online = [...this.online.values()].map(({ device, at }) => [device, at] as const);
    return [...online, ...[...this.offline.values()].map((device) => [device, undefined] as const)];
  }

  isOnline(name: string): boolean {
    return this.online.has(name);
  }

  /** Adds a device that was known before. It is offline until it is seen. */
  add(device: Device): void {
    if (this.size < this.most) this.offline.set(device.name, device);
  }

  /**
   * A frame of a device has come.
   *
   * @param make returns the device, if it is new
   * @returns the device if it has come online, "full" if it is new and there is no room, otherwise undefined
   */
  seen(name: string, now: number, make: () => Device): Device | "full" | undefined {
    const known = this.online.get(name);
    if (known !== undefined) {
      if (this.silence > 0) {
        this.online.delete(name); // it becomes the last
        this.online.set(name, { device: known.device, at: now });
      }
      return undefined;
    }
    const returned = this.offline.get(name);
    if (returned === undefined && this.size >= this.most) return "full";
    const device = returned ?? make();
    this.offline.delete(name);
    this.online.set(name, { device, at: now });
    return device;
  }

  /** When `advance` must be called; Infinity if never. */
  deadline(): number {
    if (this.silence === 0) return Number.POSITIVE_INFINITY;
    for (const { at } of this.online.values()) return at + this.silence;
    return Number.POSITIVE_INFINITY;
  }

  /** Returns the devices that have become offline. */
  advance(now: number): Device[] {
    const silent: Device[] = [];
    if (this.silence === 0) return silent;
    for (const [name, { device, at }] of this.online) {
      if (now - at < this.silence) break;
      this.online.delete(name);
      this.offline.set(name, device);
      silent.push(device);
    }
    return silent;
  }

  private get size(): number {
    return this.online.size + this.offline.size;
  }
}
