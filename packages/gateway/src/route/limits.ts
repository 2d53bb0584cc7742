/**
 * Which records are too many: repeats of a device's key within a time, and more than a source may send. One of a source, so that a device that
 * connects again is known. Time is an argument. The memory for keys is bounded: see Recent. A repeat of a forgotten key is not a duplicate.
 */

import type { PipelineSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import { shown } from "../text/shown.js";
import { TokenBucket } from "../token-bucket.js";
import type { Lookup } from "./condition.js";
import { valueText } from "./placeholder-values.js";
import { Recent } from "./recent.js";

interface Seen {
  readonly at: number;
  /** Whether its record is accepted. A repeat before that must not be acknowledged: the record may still be lost. */
  isAccepted: boolean;
}

/** What a record is recognized by. */
export interface Repeatable {
  readonly lookup: Lookup;
  /** The name of its device: devices may use the same keys. Undefined: it is from no device. */
  readonly device: string | undefined;
}

export class Limits {
  private readonly seen = new Recent<Seen>();
  private readonly bucket: TokenBucket | undefined;

  constructor(private readonly settings: Pick<PipelineSettings, "rate" | "dedupe">) {
    const { rate } = settings;
    this.bucket = rate && new TokenBucket(rate.perSecond, rate.burst);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.seen.size;
  }

  /** Returns why the record is dropped. Otherwise counts it and returns undefined. A duplicate does not count. */
  dropped(record: Repeatable, now: number): Failure | undefined {
    const { rate, dedupe } = this.settings;
    const key = this.keyOf(record);
    const last = key === undefined ? undefined : this.seen.get(key);
    if (dedupe !== undefined && key !== undefined && last !== undefined && now - last.at < dedupe.within) {
      const age = Math.round(now - last.at);
      return new Failure(
        "duplicate",
        `field ${shown(dedupe.key)} is ${shown(valueText(record.lookup(dedupe.key) ?? ""))}, as it was ${age} ms before`,
      );
    }
    if (rate !== undefined && this.bucket?.takeOne(now) === false) {
      return new Failure("rate", `more than ${rate.perSecond} records a second, and ${rate.burst} at once`);
    }
    if (key !== undefined) this.seen.set(key, { at: now, isAccepted: false }, 0);
    return undefined;
  }

  /** The record is accepted: its repeats may be acknowledged. */
  accepted(record: Repeatable): void {
    const seen = this.seenOf(record);
    if (seen !== undefined) seen.isAccepted = true;
  }

  /** Whether the record that a duplicate repeats is accepted. */
  isAccepted(record: Repeatable): boolean {
    return this.seenOf(record)?.isAccepted ?? false;
  }

  /** The record was not accepted: if the device repeats it, it is not a duplicate. */
  forget(record: Repeatable): void {
    const key = this.keyOf(record);
    if (key !== undefined) this.seen.delete(key);
  }

  private seenOf(record: Repeatable): Seen | undefined {
    const key = this.keyOf(record);
    return key === undefined ? undefined : this.seen.get(key);
  }

  /** Undefined: the record has no key, and is not a duplicate. */
  private keyOf({ lookup, device = "" }: Repeatable): string | undefined {
    const { dedupe } = this.settings;
    const value = dedupe && lookup(dedupe.key);
    return value === undefined || value === null ? undefined : `${device.length}:${device}${valueText(value)}`;
  }
}
