/**
 * The file of the devices that are known, in the directory of the spool: a device that was online before a restart, and does not return, must become offline.
 * Also has the topics that must be cleared. Replaced as a whole, so that a crash leaves the old one or the new one.
 */

import { join } from "node:path";
import type { Log } from "@aiko/mqtt-configuration";
import type { FileSystem } from "@aiko/mqtt-store";
import { type DeviceList, type Known, type KnownDevice, type KnownSource, NOTHING_KNOWN } from "./device-list.js";

const NAME = "devices.json";
/** A file with another number was not written by this version. */
const VERSION = 1;
/** More is not the gateway's file. */
const MOST_BYTES = 2 ** 28;

export class DeviceFile implements DeviceList {
  private readonly path: string;
  private saving: Promise<boolean> | undefined;
  private next: Promise<boolean> | undefined;
  private hasFailed = false;

  constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
    private readonly log: Log,
  ) {
    this.path = join(directory, NAME);
  }

  async load(): Promise<Known> {
    try {
      const file = await this.files.open(this.path, "existing");
      if (file === undefined) return NOTHING_KNOWN;
      try {
        const size = await file.size();
        if (size > MOST_BYTES) throw new Error(`it has ${size} bytes`);
        const bytes = new Uint8Array(size);
        await file.read(bytes, 0);
        return knownIn(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
      } finally {
        await file.close();
      }
    } catch (error) {
      this.log.warn("the list of devices could not be read; devices are known again when they send", {
        file: this.path,
        error: String(error),
      });
      return NOTHING_KNOWN;
    }
  }

  /** Calls that come while another is saved share one turn. */
  save(content: () => Known): Promise<boolean> {
    if (this.next !== undefined) return this.next;
    const before = this.saving ?? Promise.resolve(true);
    const turn = before.then(() => {
      this.next = undefined;
      this.saving = turn;
      return this.write(content());
    });
    this.next = turn;
    return turn;
  }

  async saved(): Promise<void> {
    await (this.next ?? this.saving);
  }

  private async write(content: Known): Promise<boolean> {
    const { files, path, directory } = this;
    const draft = `${path}.new`;
    try {
      await files.remove(draft);
      const file = await files.open(draft, "new");
      if (file === undefined) throw new Error(`${draft} cannot be created`);
      try {
        await file.write([new TextEncoder().encode(JSON.stringify({ version: VERSION, ...content }))], 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await files.rename(draft, path);
      await files.syncDirectory(directory);
      this.hasFailed = false;
      return true;
    } catch (error) {
      if (!this.hasFailed) {
        this.log.warn(
          "the list of devices could not be saved; a device that never returns may stay online after a restart",
          {
            file: path,
            error: String(error),
          },
        );
      }
      this.hasFailed = true;
      return false;
    }
  }
}

/** @throws Error if it is not what `save` writes */
function knownIn(content: unknown): Known {
  const { version, sources, gone } = Object(content) as Record<string, unknown>;
  if (version !== VERSION || !isList(gone, isText)) throw new Error("it is not a list of devices of this version");
  const entries = Object.entries(Object(sources) as Record<string, unknown>).map(([id, each]) => {
    if (!isKnownSource(each)) throw new Error(`the source ${id} is damaged`);
    return [id, each] as const;
  });
  return { sources: Object.fromEntries(entries), gone };
}

function isKnownSource(value: unknown): value is KnownSource {
  const { form, status, devices } = Object(value) as Record<string, unknown>;
  return isText(form) && isText(status) && isList(devices, isKnownDevice);
}

function isKnownDevice(value: unknown): value is KnownDevice {
  const { name, topic, availability, discovery } = Object(value) as Record<string, unknown>;
  const isOptional = (each: unknown): boolean => each === undefined || isText(each);
  return isText(name) && isText(topic) && isOptional(availability) && isOptional(discovery);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isList<Value>(value: unknown, isValue: (each: unknown) => each is Value): value is readonly Value[] {
  return Array.isArray(value) && value.every(isValue);
}
