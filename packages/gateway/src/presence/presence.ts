/**
 * The presence of all sources: which topics the gateway has published, and which of them must be removed, also across restarts. Knows no
 * connection.
 */

import type { Clock, Random, Timer } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { Configuration, SourceSettings } from "../configuration/configuration.js";
import type { Announcement } from "../uplink/announcements.js";
import type { DeviceList, Known, KnownSource } from "./device-list.js";
import type { DeviceCounts } from "./devices.js";
import { SourcePresence } from "./source-presence.js";

export interface PresenceParts {
  readonly file: DeviceList;
  readonly version: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Publishes something that has changed, if there is a connection. */
  announce(announcement: Announcement): void;
}

/** Milliseconds within which the devices are announced again when Home Assistant has started: it has much to do then. */
const JITTER = 5_000;

export class Presence {
  private readonly sources = new Map<string, SourcePresence>();
  /** Sources that the file knows, and that are not open. */
  private readonly closed: Map<string, KnownSource>;
  /** Topics whose retained message must be removed, and whether that is under way. */
  private readonly gone = new Map<string, boolean>();
  /** Which source announces to a topic of Home Assistant. */
  private readonly announcers = new Map<string, string>();
  private again: Timer | undefined;

  private constructor(
    private readonly parts: PresenceParts,
    { sources, gone }: Known,
  ) {
    this.closed = new Map(Object.entries(sources));
    for (const topic of gone) this.gone.set(topic, false);
  }

  static async open(parts: PresenceParts): Promise<Presence> {
    return new Presence(parts, await parts.file.load());
  }

  /** A source is opened, or opened again with other settings. */
  source(settings: SourceSettings, { gateway, homeAssistant }: Configuration): SourcePresence {
    const { id } = settings;
    const { version, clock, log } = this.parts;
    const before = this.sources.get(id);
    const known = before?.known ?? this.closed.get(id);
    this.closed.delete(id);
    this.release(id);
    const source = new SourcePresence(settings, {
      announcer: { gateway, version, ...(homeAssistant && { homeAssistant }) },
      clock,
      announce: (announcement) => this.announce(announcement),
      keep: () => this.save(),
      mayAnnounce: (topic) => this.mayAnnounce(topic, id),
      full: (most) =>
        log.warn("the source has too many devices; further ones have no presence", { source: id, devices: most }),
    });
    this.sources.set(id, source);
    before?.close();
    if (before?.form === source.form) source.takeOver(before);
    else if (known?.form === source.form) source.restore(known);
    else if (known !== undefined) this.forget({ ...known, status: "" });
    if (known !== undefined && known.status !== source.status) this.remove(known.status);
    if (known?.form !== source.form || known.status !== source.status) void this.save();
    return source;
  }

  /** Forgets all sources but these: what was published of the others is removed. */
  retain(ids: ReadonlySet<string>): void {
    const others = [...this.closed].filter(([id]) => !ids.has(id));
    for (const [id, source] of this.sources) if (!ids.has(id)) others.push([id, source.known]);
    for (const [id, known] of others) {
      this.sources.get(id)?.close();
      this.sources.delete(id);
      this.closed.delete(id);
      this.release(id);
      this.forget(known);
    }
    if (others.length > 0) void this.save();
  }

  /** All that is published on a new connection. */
  *all(): Generator<Announcement> {
    for (const source of this.sources.values()) yield* source.all();
    for (const [topic, isUnderWay] of this.gone) if (!isUnderWay) yield this.removal(topic);
  }

  /** Home Assistant has started: announces all devices again, after a random delay. */
  announceAgain(): void {
    const { clock, random } = this.parts;
    this.again ??= clock.schedule(random.next() * JITTER, () => {
      this.again = undefined;
      for (const source of this.sources.values()) for (const each of source.allDiscoveries()) this.announce(each);
    });
  }

  /** How many devices of a source are online and offline. */
  counts(source: string): DeviceCounts {
    return this.sources.get(source)?.counts ?? { online: 0, offline: 0 };
  }

  /** Publishes nothing any more. Resolves when the file is saved. */
  async stop(): Promise<void> {
    this.again?.cancel();
    for (const source of this.sources.values()) source.close();
    await this.parts.file.saved();
  }

  private announce(announcement: Announcement): void {
    this.gone.delete(announcement.topic);
    this.parts.announce(announcement);
  }

  private mayAnnounce(topic: string, source: string): boolean {
    const first = this.announcers.get(topic);
    if (first === undefined) this.announcers.set(topic, source);
    return first === undefined || first === source;
  }

  private release(source: string): void {
    for (const [topic, first] of this.announcers) if (first === source) this.announcers.delete(topic);
  }

  private forget({ status, devices }: KnownSource): void {
    if (status !== "") this.remove(status);
    for (const { availability, discovery } of devices) {
      // First what Home Assistant knows: otherwise it shows devices as unavailable for a moment.
      if (discovery !== undefined) this.remove(discovery);
      if (availability !== undefined) this.remove(availability);
    }
  }

  private remove(topic: string): void {
    this.gone.set(topic, false);
    this.parts.announce(this.removal(topic));
  }

  private removal(topic: string): Announcement {
    this.gone.set(topic, true);
    const done = (isPublished: boolean): void => {
      if (!this.gone.has(topic)) return;
      if (isPublished) this.gone.delete(topic);
      else this.gone.set(topic, false);
      if (isPublished) void this.save();
    };
    return { topic, payload: "", done };
  }

  private async save(): Promise<void> {
    await this.parts.file.save(() => {
      const open = [...this.sources].map(([id, source]) => [id, source.known] as const);
      return { sources: Object.fromEntries([...this.closed, ...open]), gone: [...this.gone.keys()] };
    });
  }
}
