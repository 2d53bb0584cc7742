/** A message as the application receives it. */

import type { PublishPacket, QoS } from "../../codec/packets.js";
import type { PublishProperties } from "../../codec/properties.js";
import { PayloadError } from "../../errors.js";
import { readUtf8Lossy } from "../../platform/text.js";
import { shownValue } from "../../topic/shown-value.js";
import { type StandardSchema, validated } from "./standard-schema.js";

const NONE: PublishProperties = Object.freeze({});

export class Message {
  readonly topic: string;
  /** The application's own: nothing else writes to it. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /** True for a message that the server had kept, sent because of a new subscription. */
  readonly retain: boolean;
  /** True if the server may have sent it before. */
  readonly dup: boolean;
  /** Of MQTT 5; empty before. */
  readonly properties: PublishProperties;

  /**
   * A name for this delivery, at QoS 2 with the option `store`; otherwise undefined. A message that is handed over again, because the
   * process was killed while it was being handled, has the name that it had before; no other message of this client has it. A handler
   * that stores it together with its effect, in one transaction, can tell that it has seen the message.
   *
   * @example
   * if (database.has(message.deliveryId)) return;
   * database.transaction(() => { apply(message); database.add(message.deliveryId); });
   */
  readonly deliveryId?: string | undefined;

  constructor(packet: PublishPacket, deliveryId?: string) {
    this.deliveryId = deliveryId;
    this.topic = packet.topic;
    this.payload = packet.payload;
    this.qos = packet.qos;
    this.retain = packet.retain;
    this.dup = packet.dup;
    this.properties = packet.properties ?? NONE;
  }

  /** The payload as UTF-8 text; what is not UTF-8 becomes U+FFFD. */
  text(): string {
    return readUtf8Lossy(this.payload);
  }

  /**
   * Returns the payload parsed as JSON, and checked by a schema if one is given.
   *
   * @param schema a Standard Schema, such as those of Zod, Valibot and ArkType, which must be synchronous; or a function, which receives the
   * parsed value and returns what `json` returns. What the function throws, `json` throws
   * @throws PayloadError PAYLOAD_NOT_JSON, whose `cause` is the SyntaxError of JSON.parse, or PAYLOAD_REFUSED, whose `issues` the schema found
   * @throws UsageError OPTION_INVALID if `schema` is neither of these, or is asynchronous
   * @example
   * const Reading = z.object({ celsius: z.number() });
   * const { celsius } = message.json(Reading);
   */
  json(schema?: undefined): unknown;
  json<Value>(schema: StandardSchema<Value>): Value;
  json<Value>(schema: (value: unknown) => Value): Value;
  json(schema?: unknown): unknown {
    const { topic } = this;
    const what = `payload of ${shownValue(topic)}`;
    let value: unknown;
    try {
      value = JSON.parse(this.text());
    } catch (cause) {
      throw new PayloadError("PAYLOAD_NOT_JSON", `${what} is not valid JSON`, { topic, cause });
    }
    return schema === undefined ? value : validated(value, schema, topic, what);
  }
}
