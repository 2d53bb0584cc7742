/** The presence of one source and of its devices: what is published of them, and when a device is silent. Knows no connection and no file. */

import type { Clock, Timer } from "@aiko/mqtt";
import type { SourceSettings } from "../configuration/configuration.js";
import type { DeviceSink } from "../pipeline/outcome.js";
import type { SourceCondition } from "../source/source.js";
import type { Announcement } from "../uplink/announcements.js";
import type { KnownSource } from "./device-list.js";
import { type Device, type DeviceCounts, Devices, MOST_DEVICES } from "./devices.js";
import { type Announcer, discoveryPayload, discoveryTopic, isAnnounced } from "./discovery.js";
import { hasOwnAvailability } from "./own-topic.js";

/** What the presence of a source works with. */
export interface SourcePresenceParts {
  /** Without `homeAssistant`, devices are not announced to Home Assistant. */
  readonly announcer: Omit<Announcer, "homeAssistant"> & Partial<Pick<Announcer, "homeAssistant">>;
  readonly clock: Clock;
  /** Publishes something that has changed. */
  announce(announcement: Announcement): void;
  /** Makes sure that a new device is known after a restart. Resolves when that is so, or impossible. */
  keep(): Promise<void>;
  /** Whether the source is the one that announces to this topic of Home Assistant. */
  mayAnnounce(topic: string): boolean;
  /** There are too many devices. */
  full(most: number): void;
}

export class SourcePresence implements DeviceSink {
  /** What the topics follow from. */
  readonly form: string;
  readonly status: string;
  condition: SourceCondition = "down";
  private readonly devices: Devices;
  /** Devices that are not kept yet: what is published of them could be wrong for ever after a crash. */
  private readonly unkept = new Set<string>();
  private readonly isTracked: boolean;
  private readonly hasAvailability: boolean;
  private readonly hasDiscovery: boolean;
  private timer: Timer | undefined;
  private isFull = false;

  constructor(
    private readonly settings: SourceSettings,
    private readonly parts: SourcePresenceParts,
  ) {
    const { id, silence, deviceName, availability, topic } = settings;
    const { gateway, homeAssistant } = parts.announcer;
    this.status = `${gateway.base}/source/${id}`;
    this.isTracked = silence > 0 || homeAssistant !== undefined;
    this.hasAvailability = this.isTracked && hasOwnAvailability(settings);
    this.hasDiscovery = homeAssistant !== undefined && isAnnounced(settings);
    const place = [gateway.id, deviceName, topic, this.hasAvailability && availability];
    this.form = JSON.stringify([...place, this.hasDiscovery && homeAssistant?.prefix]);
    this.devices = new Devices(silence);
  }

  /** Is called for each record of a device. Undefined: nothing depends on devices. */
  get sink(): DeviceSink | undefined {
    return this.isTracked ? this : undefined;
  }

  get counts(): DeviceCounts {
    return this.devices.counts;
  }

  /** What the file says of it. */
  get known(): KnownSource {
    const devices = this.devices.all.map(([device]) => ({ ...device, discovery: this.discoveryOf(device) }));
    return { form: this.form, status: this.status, devices };
  }

  /** Takes over the devices that the file knows. They are offline until they are seen. */
  restore({ devices }: KnownSource): void {
    for (const { name, topic, availability } of devices) this.devices.add({ name, topic, availability });
  }

  /** Takes over the devices of the presence before this one, which has the same form. What is announced of them may be different. */
  takeOver(before: SourcePresence): void {
    for (const [device, at] of before.devices.all) {
      if (at === undefined) this.devices.add(device);
      else this.devices.seen(device.name, at, () => device);
      if (before.unkept.delete(device.name)) this.keep(device);
      else for (const each of this.discoveries(device)) this.parts.announce(each);
    }
    this.watch();
  }

  /** Publishes nothing any more. */
  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  changed(condition: SourceCondition): void {
    if (this.condition === condition) return;
    this.condition = condition;
    this.parts.announce({ topic: this.status, payload: condition });
  }

  seen(name: string, now: number, topic: string, availability: () => string | undefined): void {
    let isNew = false;
    const device = this.devices.seen(name, now, () => {
      isNew = true;
      return { name, topic, availability: this.hasAvailability ? availability() : undefined };
    });
    this.watch();
    if (device === undefined) return;
    if (device === "full") {
      if (!this.isFull) this.parts.full(MOST_DEVICES);
      this.isFull = true;
    } else if (isNew) {
      this.keep(device);
    } else {
      this.announceState(device);
    }
  }

  /** All that is published on a new connection. */
  *all(): Generator<Announcement> {
    yield { topic: this.status, payload: this.condition };
    this.advance();
    for (const [device] of this.devices.all) {
      if (this.unkept.has(device.name)) continue;
      yield* this.discoveries(device);
      yield* this.states(device);
    }
  }

  /** What is published when Home Assistant has started. */
  *allDiscoveries(): Generator<Announcement> {
    for (const [device] of this.devices.all) {
      if (!this.unkept.has(device.name)) yield* this.discoveries(device);
    }
  }

  /** Publishes nothing of a new device before it is known to the next start. */
  private keep(device: Device): void {
    this.unkept.add(device.name);
    void this.parts.keep().then(() => {
      if (!this.unkept.delete(device.name)) return;
      for (const each of this.discoveries(device)) this.parts.announce(each);
      this.announceState(device);
    });
  }

  private announceState(device: Device): void {
    if (this.unkept.has(device.name)) return;
    for (const each of this.states(device)) this.parts.announce(each);
  }

  private *states({ name, availability }: Device): Generator<Announcement> {
    if (availability === undefined) return;
    yield { topic: availability, payload: this.devices.isOnline(name) ? "online" : "offline" };
  }

  private *discoveries(device: Device): Generator<Announcement> {
    const { announcer } = this.parts;
    const topic = this.discoveryOf(device);
    if (topic === undefined || announcer.homeAssistant === undefined) return;
    const { homeAssistant } = announcer;
    yield { topic, payload: discoveryPayload({ ...announcer, homeAssistant }, this.settings, device) };
  }

  private discoveryOf({ name }: Device): string | undefined {
    const { announcer, mayAnnounce } = this.parts;
    const { homeAssistant } = announcer;
    if (!this.hasDiscovery || homeAssistant === undefined) return undefined;
    const topic = discoveryTopic({ ...announcer, homeAssistant }, name);
    return mayAnnounce(topic) ? topic : undefined;
  }

  /** Sees to it that silent devices become offline. */
  private watch(): void {
    if (this.timer !== undefined) return;
    const { clock } = this.parts;
    const deadline = this.devices.deadline();
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.timer = clock.schedule(Math.max(0, deadline - clock.now()), () => {
      this.timer = undefined;
      this.advance();
    });
  }

  private advance(): void {
    for (const device of this.devices.advance(this.parts.clock.now())) this.announceState(device);
    this.watch();
  }
}
