/**
 * What of a session must survive the process, as changes to a store: messages that have no outcome yet, with their
 * packet identifiers, and the identifiers of QoS 2 messages that came and were not released. Collects changes; whoever
 * owns the connection has them written before the packets that rest on them leave.
 *
 * Records: a message is kept under its sequence number, which gives the order; an incoming identifier under
 * INCOMING + identifier.
 */

import { encode } from "../codec/encode.js";
import { PacketStream } from "../codec/packet-stream.js";
import type { PublishPacket } from "../codec/packets.js";
import type { StoreChange, StoreRecord } from "../platform/store.js";
import { utf8Bytes } from "../platform/text.js";
import type { OutgoingMessage } from "./outgoing-message.js";

const INCOMING = 2 ** 48;

/** Layout of a message's record: state, packet identifier (two bytes), expiry (eight bytes, a double), PUBLISH of MQTT 5. */
const HEADER = 11;
const QUEUED = 0;
const SENT = 1;
const RELEASED = 2;

/** A message as an earlier process left it. */
export interface StoredMessage {
  readonly sequence: number;
  readonly state: "queued" | "sent" | "released";
  readonly packetIdentifier: number;
  readonly expiresAt: number;
  readonly packet: PublishPacket;
}

export interface StoredSession {
  readonly messages: readonly StoredMessage[];
  /** Packet identifiers of QoS 2 messages received and not yet released. */
  readonly incoming: readonly number[];
}

export class SessionJournal {
  private changes: StoreChange[] = [];
  private sequence = 0;

  /** Reads what a store held, and goes on numbering behind it. */
  load(records: readonly StoreRecord[]): StoredSession {
    const messages: StoredMessage[] = [];
    const incoming: number[] = [];
    for (const { key, value } of records) {
      if (key > INCOMING) {
        incoming.push(key - INCOMING);
      } else {
        messages.push(readMessage(key, value));
        this.sequence = Math.max(this.sequence, key);
      }
    }
    return { messages, incoming };
  }

  /** The message, as it stands now. */
  put(message: OutgoingMessage): void {
    if (message.sequence === 0) message.sequence = ++this.sequence;
    this.changes.push({ key: message.sequence, value: writeMessage(message) });
  }

  /** PUBREC came: the payload is not needed any more, the identifier is. */
  release(message: OutgoingMessage): void {
    this.put(message);
  }

  remove(message: OutgoingMessage): void {
    if (message.sequence === 0) return;
    this.changes.push({ key: message.sequence, value: undefined });
    message.sequence = 0;
  }

  putIncoming(packetIdentifier: number): void {
    this.changes.push({ key: INCOMING + packetIdentifier, value: new Uint8Array(0) });
  }

  removeIncoming(packetIdentifier: number): void {
    this.changes.push({ key: INCOMING + packetIdentifier, value: undefined });
  }

  /** The changes since the last call, in order; undefined if there are none. */
  take(): readonly StoreChange[] | undefined {
    if (this.changes.length === 0) return undefined;
    const changes = this.changes;
    this.changes = [];
    return changes;
  }
}

function writeMessage(message: OutgoingMessage): Uint8Array {
  const released = message.state === "released";
  const packet = encode(
    {
      type: "publish",
      topic: message.topic,
      payload: released
        ? new Uint8Array(0)
        : typeof message.payload === "string"
          ? utf8Bytes(message.payload)
          : message.payload,
      qos: message.qos,
      retain: message.retain,
      dup: false,
      packetIdentifier: message.packetIdentifier || 1, // PUBLISH has no place for "none yet"; the header says it
      properties: released ? undefined : message.properties,
    },
    5,
  );
  const record = new Uint8Array(HEADER + packet.length);
  const view = new DataView(record.buffer);
  view.setUint8(0, released ? RELEASED : message.packetIdentifier === 0 ? QUEUED : SENT);
  view.setUint16(1, message.packetIdentifier);
  view.setFloat64(3, message.expiresAt);
  record.set(packet, HEADER);
  return record;
}

function readMessage(sequence: number, record: Uint8Array): StoredMessage {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const packet = new PacketStream(5).push(record.subarray(HEADER))[0];
  if (packet?.type !== "publish") throw new Error(`bug: the stored record ${sequence} holds no PUBLISH`);
  const state = view.getUint8(0);
  return {
    sequence,
    state: state === RELEASED ? "released" : state === SENT ? "sent" : "queued",
    packetIdentifier: view.getUint16(1),
    expiresAt: view.getFloat64(3),
    packet,
  };
}
