/**
 * A message's record in the store: what another process must know to continue with it. Layout: state (one byte), packet
 * identifier (two bytes), expiry time and queueing time (eight bytes each, doubles, in the clock's milliseconds), and
 * the message as a PUBLISH of MQTT 5.
 */

import { encodeClientPacket } from "../../codec/encode.js";
import { OutputBuffer } from "../../codec/output-buffer.js";
import type { PublishPacket } from "../../codec/packets.js";
import { writePublish } from "../../codec/publish-coder.js";
import { ServerPacketStream } from "../../codec/server-packet-stream.js";
import { utf8Bytes } from "../../platform/text.js";
import { INCOMING } from "../incoming/incoming-records.js";
import type { OutgoingMessage } from "../outgoing/outgoing-message.js";

const HEADER = 19;
const QUEUED = 0;
const SENT = 1;
const RELEASED = 2;
const STATES = ["queued", "sent", "released"] as const;

const NOT_OURS = "it was not written by this client";
const UNLIMITED = { maximumPacketSize: Infinity };

/** An outgoing message, as an earlier process left it. */
export interface StoredMessage {
  readonly sequence: number;
  readonly state: "queued" | "sent" | "released";
  readonly packetIdentifier: number;
  readonly expiresAt: number;
  readonly queuedAt: number;
  readonly packet: PublishPacket;
}

const NOTHING = new Uint8Array(0);
/** Records of at least this many bytes get their own memory. */
const LARGE = 16_384;
/** The most bytes of a PUBLISH without topic and payload. */
const PUBLISH_FIELDS = 10;
const BYTES_OF_A_CHARACTER = 3;

/** Encodes records one after the other into memory that is reused. */
export class MessageRecords {
  private readonly out = new OutputBuffer();
  private view = new DataView(this.out.bytes.buffer);

  /** Returns the record of the message in its current state. Valid until `forget`. */
  write(message: OutgoingMessage): Uint8Array {
    const { topic, payload, properties } = message;
    const most = HEADER + PUBLISH_FIELDS + BYTES_OF_A_CHARACTER * (topic.length + payload.length);
    if (message.state === "released" || properties !== undefined || most > LARGE) return writeAlone(message);
    const { out } = this;
    out.keepTogether(most);
    const start = out.reserve(HEADER);
    if (out.bytes.buffer !== this.view.buffer) this.view = new DataView(out.bytes.buffer);
    writeHeader(this.view, start, message);
    // PUBLISH cannot express "no identifier yet"; the header does.
    const length = writePublish(out, 5, message, message.packetIdentifier || 1, false, LARGE);
    return out.bytes.subarray(start, start + HEADER + length);
  }

  /** Called when no caller uses the records any more. */
  forget(): void {
    this.out.rewind();
  }
}

function writeHeader(view: DataView, at: number, message: OutgoingMessage): void {
  const { state, packetIdentifier } = message;
  view.setUint8(at, state === "released" ? RELEASED : packetIdentifier === 0 ? QUEUED : SENT);
  view.setUint16(at + 1, packetIdentifier);
  view.setFloat64(at + 3, message.expiresAt);
  view.setFloat64(at + 11, message.queuedAt);
}

function writeAlone(message: OutgoingMessage): Uint8Array {
  const { topic, payload, qos, retain, packetIdentifier, properties } = message;
  const released = message.state === "released"; // only its identifier is needed, not its payload
  const packet = encodeClientPacket(
    {
      type: "publish",
      topic,
      payload: released ? NOTHING : typeof payload === "string" ? utf8Bytes(payload) : payload,
      qos,
      retain,
      dup: false,
      packetIdentifier: packetIdentifier || 1,
      properties: released ? undefined : properties,
    },
    5,
  );
  const record = new Uint8Array(HEADER + packet.length);
  writeHeader(new DataView(record.buffer), 0, message);
  record.set(packet, HEADER);
  return record;
}

/**
 * @param sequence the record's key
 * @param identifiers the identifiers of the messages read before; adds this message's identifier
 * @throws Error if it is not a valid record: a store may be damaged, and its files may have been changed
 */
export function readMessage(sequence: number, record: Uint8Array, identifiers: Set<number>): StoredMessage {
  const state = STATES[record[0] as number];
  const stream = new ServerPacketStream(5, UNLIMITED);
  const [packet, ...others] = stream.push(record.subarray(HEADER));
  if (state === undefined || packet?.type !== "publish") throw new Error(NOT_OURS);
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const packetIdentifier = view.getUint16(1);
  const expiresAt = view.getFloat64(3);
  const queuedAt = view.getFloat64(11);
  const { qos, dup, properties } = packet;
  if (
    !(sequence > 0 && sequence < INCOMING / 2 && sequence % 1 === 0) || // leaves numbers for later messages
    others.length + stream.waiting > 0 ||
    packet.packetIdentifier !== (packetIdentifier || 1) ||
    (packetIdentifier === 0) !== (state === "queued") ||
    identifiers.has(packetIdentifier) ||
    qos < (state === "released" ? 2 : 1) ||
    dup ||
    properties?.topicAlias !== undefined ||
    properties?.subscriptionIdentifiers !== undefined ||
    Number.isNaN(expiresAt) ||
    !Number.isFinite(queuedAt)
  ) {
    throw new Error(NOT_OURS);
  }
  if (packetIdentifier > 0) identifiers.add(packetIdentifier);
  return { sequence, state, packetIdentifier, expiresAt, queuedAt, packet };
}
