/**
 * Decodes a server's packets, MQTT 3.1.1 and 5.0, with all rules of the tables, in as little code as possible. Errors
 * name the packet and the rule. Owns the bytes of an incomplete packet. `codec` is faster, but larger.
 */

import type {
  ConnackPacket,
  DisconnectPacket,
  PingrespPacket,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  QoS,
  SubackPacket,
  UnsubackPacket,
} from "../codec/packets.js";
import { type PropertyPlace, type PropertyRule, propertyRules } from "../codec/property-rules.js";
import type { ProtocolError } from "../errors.js";
import {
  MALFORMED_PACKET,
  PACKET_TOO_LARGE,
  SUCCESS,
  TOPIC_ALIAS_INVALID,
  TOPIC_NAME_INVALID,
} from "../reason-code.js";
import { SIZES, type SmallVersion } from "./packet-writer.js";
import { fault, hex, mayCarry, type ReasonedType } from "./reason-rules.js";
import { isTopicName } from "./topic-rules.js";

/** The packets that a server may send to a client that does not use enhanced authentication. */
export type ServerPacket =
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket;

type Bag = Record<string, unknown>;

/** The types of packets that a client may receive, by packet type number. */
const TYPES = "  connack publish puback pubrec pubrel pubcomp  suback  unsuback  pingresp disconnect".split(" ");

/** U+FEFF is an ordinary character [MQTT-1.5.3-3]. */
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The most bytes of a packet that is not a PUBLISH, and of a PUBLISH's properties. */
const MOST_CONTROL = 262_144;
const MAXIMUM_RETURN_CODE = 5;

export class PacketReader {
  #bytes!: Uint8Array;
  #at = 0;
  /** The end of the received bytes. */
  #filled = 0;
  /** The end of the packet that is being read, or of its properties. */
  #end = 0;
  #type = "";
  /** Whether CONNACK was received. */
  #isGreeted = false;

  readonly #version: SmallVersion;
  readonly #maximumPacketSize: number;

  /** @param maximumPacketSize the longest packet in bytes, header included; checked before memory is allocated */
  constructor(version: SmallVersion, maximumPacketSize: number) {
    this.#version = version;
    this.#maximumPacketSize = maximumPacketSize;
  }

  /** Adds received bytes. `next` reads them. */
  append(bytes: Uint8Array): void {
    const kept = this.#filled - this.#at;
    if (kept === 0) {
      this.#bytes = bytes;
      this.#at = this.#filled = 0;
    } else if (this.#filled + bytes.length > this.#bytes.length) {
      const needed = kept + bytes.length;
      const grown = new Uint8Array(Math.max(needed, Math.min(4 * needed, this.#end - this.#at)));
      grown.set(this.#bytes.subarray(this.#at, this.#filled));
      this.#bytes = grown;
      this.#at = 0;
      this.#filled = kept;
    }
    if (kept > 0) this.#bytes.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  /**
   * Returns the next complete packet, or undefined.
   *
   * @throws ProtocolError; the reader cannot be used after that
   */
  next(): ServerPacket | undefined {
    const start = this.#at;
    this.#end = this.#filled;
    if (start === this.#filled) return undefined;
    const first = this.#number(1);
    const type = TYPES[first >> 4] ?? "";
    this.#type = type;
    const flags = first & 15;
    if (!type) throw this.#fault(`packet type ${first >> 4}`, MALFORMED_PACKET);
    if (type !== "publish" && flags !== (type === "pubrel" ? 2 : 0))
      // [MQTT-2.2.2-2]
      throw this.#fault(`flags ${flags}`, MALFORMED_PACKET);
    if ((type === "connack") === this.#isGreeted) throw this.#fault("not expected"); // [MQTT-3.2.0-1, MQTT-3.2.0-2]
    const length = this.#variable(true);
    const size = this.#at - start + length;
    const most = type === "publish" ? this.#maximumPacketSize : MOST_CONTROL;
    if (size > most) throw this.#fault(`${size} bytes, at most ${most}`, PACKET_TOO_LARGE);
    this.#end = start + size;
    if (length < 0 || this.#end > this.#filled) {
      this.#at = start;
      return undefined;
    }
    const packet = { type, ...this.#body(type as ServerPacket["type"], flags) };
    if (this.#at < this.#end) throw this.#fault("too long", MALFORMED_PACKET);
    this.#isGreeted = true;
    return packet as ServerPacket;
  }

  #body(type: ServerPacket["type"], flags: number): object {
    if (type === "pingresp") return {};
    if (type === "publish") return this.#publish(flags);
    if (type === "connack") return this.#connack();
    if (type === "disconnect") return this.#reason(type);
    const packetIdentifier = this.#packetIdentifier();
    if (type !== "suback" && type !== "unsuback") return { packetIdentifier, ...this.#reason(type) };
    const reasonCodes: number[] = [];
    const properties = this.#properties(type);
    if (this.#version === 5 || type === "suback") {
      while (this.#at < this.#end) reasonCodes.push(this.#reasonCode(type));
      if (reasonCodes.length === 0) throw this.#fault("too short"); // [MQTT5-3.9.3-1]
    }
    return { packetIdentifier, reasonCodes, properties };
  }

  #publish(flags: number): object {
    const qos = ((flags >> 1) & 3) as QoS;
    const dup = flags > 7;
    if (qos > 2) throw this.#fault(`flags ${flags}`, MALFORMED_PACKET); // [MQTT-3.3.1-4]
    if (dup && qos === 0) throw this.#fault(`flags ${flags}`); // [MQTT-3.3.1-2]
    const topic = this.#text();
    if (topic && !isTopicName(topic)) throw this.#fault("ill-formed", TOPIC_NAME_INVALID); // [MQTT-3.3.2-2]
    const packetIdentifier = qos > 0 ? this.#packetIdentifier() : 0;
    const properties = this.#properties("publish");
    if (topic === "") throw this.#fault("ill-formed"); // [MQTT-4.7.3-1]
    const rest = this.#take(this.#end - this.#at);
    // A small payload must not keep the whole received chunk in memory.
    const payload = rest.length < MOST_CONTROL ? new Uint8Array(rest) : rest;
    return { topic, payload, qos, retain: flags % 2 === 1, dup, packetIdentifier, properties };
  }

  #connack(): object {
    const flags = this.#number(1);
    if (flags > 1) throw this.#fault(`flags ${flags}`, MALFORMED_PACKET); // [MQTT-3.2.2-1]
    const reasonCode = this.#reasonCode("connack");
    if (reasonCode > SUCCESS && flags > 0) throw this.#fault(`flags ${flags}`); // [MQTT-3.2.2-4]
    const properties = this.#properties("connack");
    return { sessionPresent: flags > 0, reasonCode, properties };
  }

  /** Reads the reason code and the properties. Both may be omitted at the end of an MQTT 5 packet. */
  #reason(type: "puback" | "pubrec" | "pubrel" | "pubcomp" | "disconnect"): object {
    let reasonCode = SUCCESS;
    let properties: Bag | undefined;
    if (this.#version === 5 && this.#at < this.#end) {
      reasonCode = this.#reasonCode(type);
      if (this.#at < this.#end) properties = this.#properties(type);
    }
    return { reasonCode, properties };
  }

  #reasonCode(type: ReasonedType): number {
    const code = this.#number(1);
    const isRight =
      this.#version === 5
        ? mayCarry(type, code)
        : type === "connack"
          ? code <= MAXIMUM_RETURN_CODE
          : code <= 2 || code === 0x80;
    if (!isRight) throw this.#fault(`reason code ${hex(code)}`); // [MQTT-3.2.2-8, MQTT-3.9.3-2]
    return code;
  }

  #packetIdentifier(): number {
    const identifier = this.#number(2);
    if (identifier === 0) throw this.#fault("packet identifier 0"); // [MQTT-2.3.1-1]
    return identifier;
  }

  /** Reads the properties. Returns undefined before MQTT 5, and if there are none. */
  #properties(place: PropertyPlace): Bag | undefined {
    if (this.#version < 5) return undefined;
    const length = this.#within(this.#variable());
    if (length === 0) return undefined;
    if (length > MOST_CONTROL) throw this.#fault("too long", PACKET_TOO_LARGE);
    const packetEnd = this.#end;
    this.#end = this.#at + length;
    const bag: Bag = {};
    while (this.#at < this.#end) this.#property(place, bag);
    this.#end = packetEnd;
    return bag;
  }

  #property(place: PropertyPlace, bag: Bag): void {
    const identifier = this.#variable();
    const rule = propertyRules.find((each) => each.identifier === identifier && each.places.has(place));
    if (rule === undefined) throw this.#fault(`property ${identifier}`, MALFORMED_PACKET); // [MQTT5 2.2.2.2]
    const { name, form, nonZero } = rule;
    const value = this.#value(form);
    const isList = form === "pairs" || form === "identifiers";
    const unexpected = `unexpected ${name}`;
    if (name === "topicAlias") throw this.#fault(unexpected, TOPIC_ALIAS_INVALID); // [MQTT5-3.3.2-9]
    // [MQTT5-4.12.0-6]
    if (name.startsWith("authentication") || (nonZero && value === 0) || (!isList && name in bag))
      throw this.#fault(unexpected);
    if (isList) {
      bag[name] ??= [];
      (bag[name] as unknown[]).push(value);
    } else {
      bag[name] = value;
    }
  }

  #value(form: PropertyRule["form"]): unknown {
    const size = SIZES[form];
    if (size) {
      const number = this.#number(size);
      if (size === 1 && number > 1) throw this.#fault("ill-formed");
      return form === "boolean" ? number > 0 : number;
    }
    if (form === "variable" || form === "identifiers") return this.#variable();
    if (form === "binary") return new Uint8Array(this.#take(this.#number(2)));
    const text = this.#text();
    if (form === "pairs") return [text, this.#text()];
    if (form === "topic" && !isTopicName(text)) throw this.#fault("ill-formed"); // [MQTT5-3.3.2-14]
    return text;
  }

  /** A UTF-8 encoded string [MQTT-1.5.3-1, MQTT-1.5.3-2]. */
  #text(): string {
    const bytes = this.#take(this.#number(2));
    try {
      const text = STRICT.decode(bytes);
      if (!text.includes("\0")) return text;
    } catch {} // ill-formed
    throw this.#fault("ill-formed", MALFORMED_PACKET); // [MQTT-1.5.3-1, MQTT-1.5.3-2]
  }

  /** @param partial if true, the integer may be cut off; the result is then -1 */
  #variable(partial = false): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (partial && this.#at === this.#end) return -1;
      const byte = this.#number(1);
      value |= (byte & 127) << shift;
      if (byte > 127) continue;
      if (byte === 0 && shift > 0) break;
      return value;
    }
    throw this.#fault("ill-formed", MALFORMED_PACKET); // [MQTT5-1.5.5-1]
  }

  #number(size: number): number {
    let value = 0;
    for (let left = this.#within(size); left > 0; left--) value = value * 256 + (this.#bytes[this.#at++] as number);
    return value;
  }

  #take(length: number): Uint8Array {
    const start = this.#at;
    this.#at += this.#within(length);
    return this.#bytes.subarray(start, this.#at);
  }

  /** Checks that this many bytes are left. */
  #within(length: number): number {
    if (length > this.#end - this.#at) throw this.#fault("too short", MALFORMED_PACKET);
    return length;
  }

  #fault(rule: string, reasonCode?: number): ProtocolError {
    return fault(`${this.#type}: ${rule}`, reasonCode);
  }
}
