/** A message as the application receives it. */

import type { PublishPacket, QoS } from "../../codec/packets.js";
import type { PublishProperties } from "../../codec/properties.js";
import { PayloadError } from "../../errors.js";
import { readUtf8Lossy } from "../../platform/text.js";
import { shownValue } from "../../topic/shown-value.js";
import { type StandardSchema, validated } from "./standard-schema.js";

const NONE: PublishProperties = Object.freeze({});

/** A message as the application receives it. */
export class Message {
  /** The topic name. */
  readonly topic: string;
  /** The payload. It belongs to the application: the client does not write to it. */
  readonly payload: Uint8Array;
  /** The QoS at which the server sent the message. */
  readonly qos: QoS;
  /**
   * Whether the server sent a retained message because of a new subscription. With `retainAsPublished`, the flag as it
   * was published.
   */
  readonly retain: boolean;
  /** Whether the server may have sent the message before. */
  readonly dup: boolean;
  /** The properties of PUBLISH. Empty before MQTT 5. */
  readonly properties: PublishProperties;

  /**
   * Identifies this delivery at QoS 2 with the option `store`; otherwise undefined. If the process was killed while it
   * handled the message, the next process receives it with the same identifier. No other message of this client has it.
   * A handler that stores the identifier together with its effect, in one transaction, can recognize a message that it
   * has handled.
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

  /** Returns the payload as UTF-8 text. Invalid bytes become U+FFFD. */
  text(): string {
    return readUtf8Lossy(this.payload);
  }

  /**
   * Returns the payload parsed as JSON, and checked by a schema if you pass one.
   *
   * @param schema a synchronous Standard Schema, such as those of Zod, Valibot and ArkType; or a function, which
   * receives the parsed value. `json` returns what the function returns, and throws what it throws
   * @throws PayloadError PAYLOAD_NOT_JSON, whose `cause` is the SyntaxError of JSON.parse, or PAYLOAD_REFUSED, whose
   * `issues` come from the schema
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
