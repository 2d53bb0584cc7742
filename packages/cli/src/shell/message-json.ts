/** Messages as JSON objects, as mosquitto_sub prints them with the formats %j and %J. Pure. */

import type { Message } from "@aiko/mqtt";

let strict: InstanceType<typeof TextDecoder> | undefined;
let lenient: InstanceType<typeof TextDecoder> | undefined;

/** What is printed with a message, and is not in it. */
export interface Received {
  /** When it arrived, in milliseconds since the Unix epoch, with a fraction. */
  readonly at: number;
  /** The packet identifier; 0 at QoS 0. */
  readonly packetIdentifier: number;
  /** The subscription identifier, if the user chose one. */
  readonly subscriptionIdentifier: number | undefined;
}

/** The text of a payload: every byte that is not valid UTF-8 becomes U+FFFD. */
function textOf(bytes: Uint8Array): string {
  lenient ??= new TextDecoder("utf-8", { ignoreBOM: true });
  return lenient.decode(bytes);
}

/** Returns the text of the payload; undefined if it is not valid UTF-8. */
export function exactText(bytes: Uint8Array): string | undefined {
  strict ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the value of mosquitto's `%j`. */
export function mosquittoObject(message: Message, received: Received, tst: string): Record<string, unknown> {
  return { ...headOf(message, received, tst), payload: textOf(message.payload) };
}

/** Returns the value of mosquitto's `%J`: the payload is JSON itself. Undefined if it is not. */
export function mosquittoDocument(
  message: Message,
  received: Received,
  tst: string,
): Record<string, unknown> | undefined {
  try {
    return { ...headOf(message, received, tst), payload: JSON.parse(textOf(message.payload)) };
  } catch {
    return undefined;
  }
}

function headOf(
  message: Message,
  { packetIdentifier, subscriptionIdentifier }: Received,
  tst: string,
): Record<string, unknown> {
  const { topic, qos, retain, payload } = message;
  const properties = propertiesOf(message, subscriptionIdentifier);
  return {
    tst,
    topic,
    qos,
    retain: Number(retain),
    payloadlen: payload.length,
    ...(packetIdentifier === 0 ? {} : { mid: packetIdentifier }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
}

/** mosquitto's names of the properties. */
const names: Readonly<Record<string, string>> = {
  contentType: "content-type",
  userProperties: "user-properties",
  responseTopic: "response-topic",
  correlationData: "correlation-data",
  payloadFormatIndicator: "payload-format-indicator",
  messageExpiryInterval: "message-expiry-interval",
  topicAlias: "topic-alias",
};

/** Returns the properties in the order in which they arrived. */
function propertiesOf({ properties }: Message, subscriptionIdentifier: number | undefined): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(properties)) {
    const name = names[field];
    if (name === undefined) continue;
    if (field === "userProperties") named[name] = Object.fromEntries(value);
    else named[name] = value instanceof Uint8Array ? textOf(value) : value;
  }
  return subscriptionIdentifier === undefined ? named : { ...named, "subscription-identifier": subscriptionIdentifier };
}
