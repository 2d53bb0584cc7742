/** The list of the devices that are known, and where it is kept across restarts. */

import type { Device } from "./devices.js";

/** What is known of a source. */
export interface KnownSource {
  /** What the topics follow from: if it is different, the topics are. */
  readonly form: string;
  /** All topics that were published for the source itself. */
  readonly status: string;
  readonly devices: readonly KnownDevice[];
}

export interface KnownDevice extends Device {
  /** Where it was announced to Home Assistant. Undefined: nowhere. */
  readonly discovery: string | undefined;
}

export interface Known {
  /** By the source's id. */
  readonly sources: Readonly<Record<string, KnownSource>>;
  /** Topics whose retained message must be removed. */
  readonly gone: readonly string[];
}

export const NOTHING_KNOWN: Known = { sources: {}, gone: [] };

/** Keeps the list. */
export interface DeviceList {
  /** Resolves to the saved list, or to an empty one if there is no list or it cannot be read. */
  load(): Promise<Known>;
  /** Saves what `content` returns when it is this call's turn. Resolves to whether it was saved. */
  save(content: () => Known): Promise<boolean>;
  /** Resolves when nothing is being saved. */
  saved(): Promise<void>;
}

/** Keeps nothing: devices are known again when they send. */
export const noDeviceList: DeviceList = {
  load: async () => NOTHING_KNOWN,
  save: async () => false,
  saved: async () => {},
};
