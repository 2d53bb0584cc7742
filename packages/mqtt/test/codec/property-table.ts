// Owns the specification's table of properties (MQTT 5.0, table 2-4), written a second time so that the codec's own
// table can be checked, with a sample of each.

export const places = [
  "connect",
  "will",
  "connack",
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "disconnect",
  "auth",
] as const;

export type Place = (typeof places)[number];

export type Kind = "bit" | "boolean" | "two-byte" | "four-byte" | "variable" | "text" | "topic" | "binary" | "pair";

export interface PropertySample {
  readonly name: string;
  readonly identifier: number;
  readonly kind: Kind;
  readonly places: readonly Place[];
  /** A value in the packet, after the identifier, and what it decodes to. */
  readonly wire: string;
  readonly value: unknown;
  readonly zeroForbidden: boolean;
  /** May occur several times; the values form a list. */
  readonly repeatable: boolean;
}

const message: readonly Place[] = ["publish", "will"];
const handshake: readonly Place[] = ["connect", "connack"];
const connack: readonly Place[] = ["connack"];
const withReason = places.filter((place) => !/^(connect|will|publish|(un)?subscribe)$/.test(place));

const samples: Record<Kind, readonly [wire: string, value: unknown]> = {
  bit: ["01", 1],
  boolean: ["01", true],
  "two-byte": ["fffe", 0xfffe],
  "four-byte": ["fffffffe", 0xffff_fffe],
  variable: ["ffffff7f", 268_435_455],
  text: ["0002c3a9", "é"],
  topic: ["0003612f62", "a/b"],
  binary: ["000200ff", Uint8Array.of(0, 255)],
  pair: ["0001610000", ["a", ""]],
};

function row(
  identifier: number,
  name: string,
  kind: Kind,
  at: readonly Place[],
  rule?: "not zero" | "repeatable" | "not zero, repeatable",
): PropertySample {
  const [wire, value] = samples[kind];
  const zeroForbidden = rule?.startsWith("not zero") ?? false;
  const repeatable = rule?.endsWith("repeatable") ?? false;
  return { name, identifier, kind, places: at, wire, value, zeroForbidden, repeatable };
}

export const propertyTable: readonly PropertySample[] = [
  row(0x01, "payloadFormatIndicator", "bit", message),
  row(0x02, "messageExpiryInterval", "four-byte", message),
  row(0x03, "contentType", "text", message),
  row(0x08, "responseTopic", "topic", message),
  row(0x09, "correlationData", "binary", message),
  row(0x0b, "subscriptionIdentifiers", "variable", ["publish"], "not zero, repeatable"),
  row(0x0b, "subscriptionIdentifier", "variable", ["subscribe"], "not zero"),
  row(0x11, "sessionExpiryInterval", "four-byte", [...handshake, "disconnect"]),
  row(0x12, "assignedClientIdentifier", "text", connack),
  row(0x13, "serverKeepAlive", "two-byte", connack),
  row(0x15, "authenticationMethod", "text", [...handshake, "auth"]),
  row(0x16, "authenticationData", "binary", [...handshake, "auth"]),
  row(0x17, "requestProblemInformation", "boolean", ["connect"]),
  row(0x18, "willDelayInterval", "four-byte", ["will"]),
  row(0x19, "requestResponseInformation", "boolean", ["connect"]),
  row(0x1a, "responseInformation", "text", connack),
  row(0x1c, "serverReference", "text", ["connack", "disconnect"]),
  row(0x1f, "reasonString", "text", withReason),
  row(0x21, "receiveMaximum", "two-byte", handshake, "not zero"),
  row(0x22, "topicAliasMaximum", "two-byte", handshake),
  row(0x23, "topicAlias", "two-byte", ["publish"], "not zero"),
  row(0x24, "maximumQoS", "bit", connack),
  row(0x25, "retainAvailable", "boolean", connack),
  row(0x26, "userProperties", "pair", places, "repeatable"),
  row(0x27, "maximumPacketSize", "four-byte", handshake, "not zero"),
  row(0x28, "wildcardSubscriptionAvailable", "boolean", connack),
  row(0x29, "subscriptionIdentifiersAvailable", "boolean", connack),
  row(0x2a, "sharedSubscriptionAvailable", "boolean", connack),
];
