/**
 * The properties of MQTT 5.0: one table that coder and types rest on [MQTT5 2.2.2.2]. One that is undefined is one that is absent; what
 * was read has no such.
 */

/** Name and value, both any text; the same name may come several times, and order is kept. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

interface WithUserProperties {
  readonly userProperties?: UserProperties | undefined;
}

export interface ConnectProperties extends WithUserProperties {
  /** Seconds that the server keeps the session after the connection ends; 0 (default) not at all, 0xFFFFFFFF for ever. */
  readonly sessionExpiryInterval?: number | undefined;
  /** How many QoS 1 and 2 messages may be on their way to this side unacknowledged, 1 … 65,535 (default). */
  readonly receiveMaximum?: number | undefined;
  /** The largest packet this side accepts, in bytes, from 1; no limit if absent. */
  readonly maximumPacketSize?: number | undefined;
  /** How many topic aliases the peer may use, 0 (default) … 65,535. */
  readonly topicAliasMaximum?: number | undefined;
  /** Asks for Response Information in CONNACK. Default false. */
  readonly requestResponseInformation?: boolean | undefined;
  /** Whether reason strings and user properties may come on packets other than PUBLISH, CONNACK, DISCONNECT. Default true. */
  readonly requestProblemInformation?: boolean | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

interface MessageProperties extends WithUserProperties {
  /** 1 if the payload is UTF-8 text, 0 (default) if it is just bytes. */
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  /** Seconds that the message is worth delivering. */
  readonly messageExpiryInterval?: number | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
}

export interface WillProperties extends MessageProperties {
  /** Seconds that the server waits before it publishes the will; default 0. */
  readonly willDelayInterval?: number | undefined;
}

export interface PublishProperties extends MessageProperties {
  /** 1 … the peer's topic alias maximum. */
  readonly topicAlias?: number | undefined;
  /** From the server only: the identifiers of all subscriptions that made it send this message. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
}

export interface ConnackProperties extends WithUserProperties {
  readonly sessionExpiryInterval?: number | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly maximumQoS?: 0 | 1 | undefined;
  readonly retainAvailable?: boolean | undefined;
  readonly maximumPacketSize?: number | undefined;
  readonly assignedClientIdentifier?: string | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly reasonString?: string | undefined;
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  /** Seconds; replaces the keep-alive that the client asked for. */
  readonly serverKeepAlive?: number | undefined;
  readonly responseInformation?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export interface AckProperties extends WithUserProperties {
  readonly reasonString?: string | undefined;
}

export interface SubscribeProperties extends WithUserProperties {
  /** 1 … 268,435,455. */
  readonly subscriptionIdentifier?: number | undefined;
}

export interface UnsubscribeProperties extends WithUserProperties {}

export interface DisconnectProperties extends WithUserProperties {
  /** Seconds; from the client only. */
  readonly sessionExpiryInterval?: number | undefined;
  readonly reasonString?: string | undefined;
  /** From the server only. */
  readonly serverReference?: string | undefined;
}

export interface AuthProperties extends WithUserProperties {
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
  readonly reasonString?: string | undefined;
}

/** For defaults to be spread before: they must not be replaced by what is undefined. */
export function withoutUndefined<Properties extends object>(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Properties;
}

/** How a property stands on the wire. `boolean` and `bit` are a byte 0 or 1; `identifiers` a repeated variable byte integer. */
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

/** Where properties stand: a packet type, or the will within CONNECT. */
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
  /** 0 is a Protocol Error. */
  readonly nonZero: boolean;
}

const everywhere =
  "connect will connack publish puback pubrec pubrel pubcomp subscribe suback unsubscribe unsuback disconnect auth";

const rules: readonly PropertyRule[] = [
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

const byName = new Map(rules.map((entry) => [entry.name, entry]));
const byIdentifier = new Map<number, PropertyRule[]>();
for (const entry of rules) byIdentifier.set(entry.identifier, [...(byIdentifier.get(entry.identifier) ?? []), entry]);

/** The rule for a property's name, or undefined for a name that no property has. */
export function propertyNamed(name: string): PropertyRule | undefined {
  return byName.get(name);
}

/** The rule for an identifier at a place, or undefined where it must not stand. */
export function propertyAt(identifier: number, place: PropertyPlace): PropertyRule | undefined {
  return byIdentifier.get(identifier)?.find((entry) => entry.places.has(place));
}
