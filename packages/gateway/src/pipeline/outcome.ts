/** What a pipeline makes of the bytes that a source reads. */

import type { SpoolRecord } from "@aiko/mqtt-store";
import type { DropReason } from "../drop-reason.js";

/** What became of one frame, in the order of the frames. */
export interface Outcome {
  /** Where the frame stands among all bytes of its connection. */
  readonly range: { readonly from: number; readonly to: number };
  /** The values that were decoded; for placeholders in acknowledgements too. Undefined if decoding failed. */
  readonly fields: Fields | undefined;
  /** What to spool: none if the frame was dropped. */
  readonly records: readonly SpoolRecord[];
  /** Why it was dropped. Undefined if there are records. */
  readonly dropped: DropReason | undefined;
  /** What to say about it, in words, when it was dropped: the field, the value, the rule. */
  readonly detail: string | undefined;
  /** The frame's bytes, for a dead letter. Undefined if they were not kept, because the frame was too long. */
  readonly bytes: Uint8Array | undefined;
}

export type FieldValue =
  | string
  | number
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [name: string]: FieldValue };
export type Fields = ReadonlyMap<string, FieldValue>;

/** What is known of a connection, for placeholders in topics. */
export interface Peer {
  /** The peer's address, or the source's id where there is none. */
  readonly peer: string;
  /** The local port; 0 where there is none. */
  readonly port: number;
  /** Further fields, as from an HTTP path. */
  readonly fields?: Readonly<Record<string, string>>;
  /** The topic of an MQTT message: what {topic} and {topic[0]} stand for. */
  readonly topic?: string;
  /** Further properties of each record, as the spool keeps them. */
  readonly properties?: Uint8Array;
}

/** Is called for the records of the devices of a source. */
export interface DeviceSink {
  /**
   * A frame of a device has come that is a record, whether or not it is dropped as unchanged, as a duplicate, or by the rate.
   *
   * @param topic that of the record
   * @param availability returns the topic of the device's availability; undefined if it has none
   */
  seen(device: string, now: number, topic: string, availability: () => string | undefined): void;
}

/** The pipeline of one connection. Pure: time is an argument, in milliseconds of a clock that never goes back. */
export interface Wire {
  /**
   * Takes bytes that were received, in pieces of any size. Returns what became of the frames that they complete. Outcomes may refer to `bytes`:
   * do not overwrite them while an outcome is in use.
   */
  push(bytes: Uint8Array, now: number): Outcome[];
  /** The connection has ended, or a datagram is complete. Returns what became of the last frame. */
  end(now: number): Outcome[];
  /** When `advance` must be called; Infinity if never. */
  deadline(): number;
  /** Drops a frame that has been incomplete for too long. */
  advance(now: number): Outcome[];
}
