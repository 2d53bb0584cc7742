/** The table that all reading and writing of properties uses [MQTT5 2.2.2.2]. */

/**
 * How a property is encoded. `boolean` and `bit` are a byte 0 or 1; `identifiers` is a repeated variable byte integer.
 */
type PropertyForm =
  | "boolean"
  | "bit"
  | "two-byte"
  | "four-byte"
  | "variable"
  | "identifiers"
  | "text"
  | "topic"
  | "binary"
  | "pairs";

/** Where a property may occur: a packet type, or the will within CONNECT. */
export type PropertyPlace =
  | "connect"
  | "will"
  | "connack"
  | "publish"
  | "puback"
  | "pubrec"
  | "pubrel"
  | "pubcomp"
  | "subscribe"
  | "suback"
  | "unsubscribe"
  | "unsuback"
  | "disconnect"
  | "auth";

export interface PropertyRule {
  readonly identifier: number;
  readonly name: string;
  readonly form: PropertyForm;
  readonly places: ReadonlySet<PropertyPlace>;
  /** Whether 0 is a Protocol Error. */
  readonly nonZero: boolean;
}

const everywhere =
  "connect will publish subscribe unsubscribe connack puback pubrec pubrel pubcomp suback unsuback disconnect auth";

/** All properties, in the order of their identifiers. */
export const propertyRules: readonly PropertyRule[] = [
  rule(0x01, "payloadFormatIndicator", "bit", "publish will"),
  rule(0x02, "messageExpiryInterval", "four-byte", "publish will"),
  rule(0x03, "contentType", "text", "publish will"),
  rule(0x08, "responseTopic", "topic", "publish will"),
  rule(0x09, "correlationData", "binary", "publish will"),
  rule(0x0b, "subscriptionIdentifiers", "identifiers", "publish", true),
  rule(0x0b, "subscriptionIdentifier", "variable", "subscribe", true),
  rule(0x11, "sessionExpiryInterval", "four-byte", "connect connack disconnect"),
  rule(0x12, "assignedClientIdentifier", "text", "connack"),
  rule(0x13, "serverKeepAlive", "two-byte", "connack"),
  rule(0x15, "authenticationMethod", "text", "connect connack auth"),
  rule(0x16, "authenticationData", "binary", "connect connack auth"),
  rule(0x17, "requestProblemInformation", "boolean", "connect"),
  rule(0x18, "willDelayInterval", "four-byte", "will"),
  rule(0x19, "requestResponseInformation", "boolean", "connect"),
  rule(0x1a, "responseInformation", "text", "connack"),
  rule(0x1c, "serverReference", "text", "connack disconnect"),
  rule(0x1f, "reasonString", "text", "connack puback pubrec pubrel pubcomp suback unsuback disconnect auth"),
  rule(0x21, "receiveMaximum", "two-byte", "connect connack", true),
  rule(0x22, "topicAliasMaximum", "two-byte", "connect connack"),
  rule(0x23, "topicAlias", "two-byte", "publish", true),
  rule(0x24, "maximumQoS", "bit", "connack"),
  rule(0x25, "retainAvailable", "boolean", "connack"),
  rule(0x26, "userProperties", "pairs", everywhere),
  rule(0x27, "maximumPacketSize", "four-byte", "connect connack", true),
  rule(0x28, "wildcardSubscriptionAvailable", "boolean", "connack"),
  rule(0x29, "subscriptionIdentifiersAvailable", "boolean", "connack"),
  rule(0x2a, "sharedSubscriptionAvailable", "boolean", "connack"),
];

function rule(identifier: number, name: string, form: PropertyForm, places: string, nonZero = false): PropertyRule {
  return { identifier, name, form, places: new Set(places.split(" ") as PropertyPlace[]), nonZero };
}
