/**
 * What one client publishes: forwards it, and acknowledges it when the far side has accepted it [SN 6.6]. A message of QoS 2
 * is forwarded once: its identifier is remembered until PUBREL, and a little longer for datagrams that are late.
 */

import type { Clock } from "@aiko/mqtt";
import { utf8Bytes } from "../../text/utf8.js";
import { type PublishPacket, type PublishTopic, RETURN_CODES, type SnPacket } from "../packets.js";
import type { ClientTopics } from "./client-topics.js";
import type { SnReport } from "./sn-report.js";
import type { SnConnection, SnMessage, SnOutcome } from "./sn-uplink.js";

export interface ReceiptParts {
  readonly clock: Clock;
  readonly topics: ClientTopics;
  readonly report: SnReport;
  /** Undefined: there is none now. */
  connection(): Pick<SnConnection, "publish"> | undefined;
  send(packet: SnPacket): void;
}

interface Receipt {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** "forwarding": the far side has not answered. "received": PUBREC was sent. "released": PUBREL came at `until`. */
  state: "forwarding" | "received" | "released";
  /** When a released message is forgotten. */
  until: number;
}

/** The most messages of a client that the far side has not answered; at QoS 2, also those that it has not released. */
const MOST = 10;
/** Milliseconds for which a message of QoS 2 that is complete is still recognized. */
const LATE = 5_000;

/** The answer to a client for each outcome. */
export const OUTCOME_CODES = {
  accepted: RETURN_CODES.accepted,
  congestion: RETURN_CODES.congestion,
  refused: RETURN_CODES.notSupported,
} as const satisfies Record<SnOutcome, number>;

export class UplinkReceipts {
  /** Messages of QoS 1 that the far side has not answered. */
  private readonly once = new Set<number>();
  /** Messages of QoS 2, by message identifier. */
  private readonly exactly = new Map<number, Receipt>();
  /** Changes when everything is forgotten: outcomes of before do not count. */
  private era = 0;

  constructor(private readonly parts: ReceiptParts) {}

  /** The identifiers of messages that were received and not released. */
  get received(): readonly number[] {
    return [...this.exactly].filter(([, { state }]) => state === "received").map(([id]) => id);
  }

  /** Restores identifiers of an earlier process. */
  restore(received: readonly number[]): void {
    const known = { topic: "", payload: new Uint8Array(0), until: Infinity } as const;
    for (const id of received.slice(0, MOST)) this.exactly.set(id, { ...known, state: "received" });
  }

  /** A PUBLISH of QoS 0, 1 or 2. */
  publish(packet: PublishPacket): void {
    const { parts } = this;
    const topic = parts.topics.nameOf(packet.topic);
    if (topic === undefined) {
      parts.report.dropped("topic", "the client has not registered the topic identifier");
      this.answer(packet, RETURN_CODES.invalidTopicId);
      return;
    }
    const { data: payload, qos, retain } = packet;
    if (qos === 2) this.publishExactly(packet, topic);
    else if (qos === 1) this.publishOnce(packet, { topic, payload, qos, retain });
    else void parts.connection()?.publish({ topic, payload, qos: 0, retain });
  }

  /** PUBREL: the client will not send the message again. */
  release(messageId: number): void {
    const receipt = this.exactly.get(messageId);
    if (receipt?.state === "forwarding") return; // it was not acknowledged: it cannot be released
    if (receipt !== undefined) {
      receipt.state = "released";
      receipt.until = this.parts.clock.now() + LATE;
    }
    this.parts.send({ type: "pubcomp", messageId });
  }

  /** Forgets all: the session has ended. */
  forget(): void {
    this.era++;
    this.once.clear();
    this.exactly.clear();
  }

  private publishOnce(packet: PublishPacket, message: SnMessage): void {
    const { messageId } = packet;
    if (this.once.has(messageId)) return; // it is answered when the far side has
    if (this.once.size >= MOST) {
      this.answer(packet, RETURN_CODES.congestion);
      return;
    }
    this.once.add(messageId);
    this.forward(message, (outcome) => {
      this.once.delete(messageId);
      this.answer(packet, OUTCOME_CODES[outcome]);
    });
  }

  private publishExactly(packet: PublishPacket, topic: string): void {
    const { messageId, data: payload, retain } = packet;
    const known = this.exactly.get(messageId);
    if (known !== undefined && this.isRepeat(known, packet, topic)) {
      if (known.state !== "forwarding") this.parts.send({ type: "pubrec", messageId });
      return;
    }
    if (known === undefined) this.makeRoom();
    if (known === undefined && this.exactly.size >= MOST) {
      this.answer(packet, RETURN_CODES.congestion);
      return;
    }
    const receipt: Receipt = { topic, payload, state: "forwarding", until: Infinity };
    this.exactly.delete(messageId);
    this.exactly.set(messageId, receipt);
    this.forward({ topic, payload, qos: 2, retain }, (outcome) => {
      if (this.exactly.get(messageId) !== receipt) return;
      if (outcome === "accepted") {
        receipt.state = "received";
        this.parts.send({ type: "pubrec", messageId });
      } else {
        this.exactly.delete(messageId);
        this.answer(packet, OUTCOME_CODES[outcome]);
      }
    });
  }

  /** Whether the PUBLISH was sent again, by the client or by the network. If not, the client uses the identifier again. */
  private isRepeat({ topic, payload, state, until }: Receipt, packet: PublishPacket, name: string): boolean {
    if (state !== "released") return packet.dup || (topic === name && isEqual(payload, packet.data));
    return this.parts.clock.now() < until && topic === name && isEqual(payload, packet.data);
  }

  /** Forgets messages: those that are complete, and if need be the oldest whose PUBREL the client has given up. */
  private makeRoom(): void {
    const now = this.parts.clock.now();
    for (const [id, { state, until }] of this.exactly) {
      if (state === "released" && (until <= now || this.exactly.size >= MOST)) this.exactly.delete(id);
    }
    for (const [id, { state }] of this.exactly) {
      if (this.exactly.size < MOST) return;
      if (state === "received") this.exactly.delete(id);
    }
  }

  private forward(message: SnMessage, settle: (outcome: SnOutcome) => void): void {
    const { era } = this;
    const connection = this.parts.connection();
    if (connection === undefined) {
      settle("congestion");
      return;
    }
    void connection.publish(message).then((outcome) => {
      if (era === this.era) settle(outcome);
    });
  }

  /** PUBACK, which also answers QoS 0 and 2 if the message is refused [SN 5.4.13]. */
  private answer({ topic, messageId }: PublishPacket, returnCode: number): void {
    this.parts.send({ type: "puback", topicId: topicIdOf(topic), messageId, returnCode });
  }
}

/** A short name stands for its two octets. */
function topicIdOf(topic: PublishTopic): number {
  if (topic.kind !== "short") return topic.id;
  const [high = 0, low = 0] = utf8Bytes(topic.name) ?? [];
  return high * 256 + low;
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
