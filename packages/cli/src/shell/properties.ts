/** The option `-D COMMAND NAME VALUE`: properties of MQTT 5, under mosquitto's names. Pure. */

import { BETWEEN } from "../argument-parts.js";
import { ArgumentError } from "../arguments.js";

/** The packets whose properties a command can set. */
export type PropertyTarget = "connect" | "publish" | "subscribe" | "unsubscribe" | "disconnect" | "will";

type Kind = "flag" | "byte" | "short" | "integer" | "text" | "binary" | "pair";

interface Property {
  /** Its name in the library. */
  readonly field: string;
  readonly kind: Kind;
  readonly targets: readonly PropertyTarget[];
}

const message = ["publish", "will"] as const;
const names: Readonly<Record<string, Property>> = {
  "authentication-data": { field: "authenticationData", kind: "binary", targets: ["connect"] },
  "authentication-method": { field: "authenticationMethod", kind: "text", targets: ["connect"] },
  "content-type": { field: "contentType", kind: "text", targets: message },
  "correlation-data": { field: "correlationData", kind: "binary", targets: message },
  "maximum-packet-size": { field: "maximumPacketSize", kind: "integer", targets: ["connect"] },
  "message-expiry-interval": { field: "messageExpiryInterval", kind: "integer", targets: message },
  "payload-format-indicator": { field: "payloadFormatIndicator", kind: "byte", targets: message },
  "receive-maximum": { field: "receiveMaximum", kind: "short", targets: ["connect"] },
  "request-problem-information": { field: "requestProblemInformation", kind: "flag", targets: ["connect"] },
  "request-response-information": { field: "requestResponseInformation", kind: "flag", targets: ["connect"] },
  "response-topic": { field: "responseTopic", kind: "text", targets: message },
  "session-expiry-interval": { field: "sessionExpiryInterval", kind: "integer", targets: ["connect", "disconnect"] },
  "subscription-identifier": { field: "subscriptionIdentifier", kind: "integer", targets: ["subscribe"] },
  "topic-alias": { field: "topicAlias", kind: "short", targets: ["publish"] },
  "topic-alias-maximum": { field: "topicAliasMaximum", kind: "short", targets: ["connect"] },
  "user-property": {
    field: "userProperties",
    kind: "pair",
    targets: ["connect", "publish", "subscribe", "unsubscribe", "disconnect", "will"],
  },
  "will-delay-interval": { field: "willDelayInterval", kind: "integer", targets: ["will"] },
};
const maximums = { flag: 1, byte: 1, short: 65_535, integer: 4_294_967_295 } as const;

/** Returns the number of arguments that belong to -D. */
export function propertyLength([, name]: readonly string[]): number {
  return name === "user-property" ? 4 : 3;
}

/** The properties that were given, by packet. */
export type GivenProperties = Readonly<Partial<Record<PropertyTarget, Readonly<Record<string, unknown>>>>>;

/**
 * Reads the values of all options -D.
 *
 * @param allowed the packets that the command sends
 * @throws ArgumentError
 */
export function propertiesOf(given: readonly string[], allowed: readonly PropertyTarget[]): GivenProperties {
  const found: Partial<Record<PropertyTarget, Record<string, unknown>>> = {};
  for (const words of given) {
    const [command = "", name = "", ...values] = words.split(BETWEEN);
    const target = allowed.find((each) => each === command.toLowerCase());
    if (target === undefined) throw wrong(words, `the packets are ${allowed.join(", ")}`);
    const property = Object.hasOwn(names, name) ? names[name] : undefined;
    const possible = Object.keys(names).filter((each) => names[each]?.targets.includes(target));
    if (property === undefined || !property.targets.includes(target))
      throw wrong(words, `the properties of ${target} are ${possible.join(", ")}`);
    found[target] ??= {};
    put(found[target], property, values, words);
  }
  return found;
}

function put(all: Record<string, unknown>, { field, kind }: Property, values: readonly string[], words: string): void {
  const [value] = values;
  if (value === undefined || values.length !== (kind === "pair" ? 2 : 1)) {
    throw wrong(words, kind === "pair" ? "a user property requires a name and a value" : "a value is missing");
  }
  if (kind === "pair") {
    all[field] = [...((all[field] as readonly unknown[] | undefined) ?? []), values];
    return;
  }
  if (Object.hasOwn(all, field)) throw wrong(words, "it was specified twice");
  all[field] = read(value, kind, words);
}

function read(value: string, kind: Exclude<Kind, "pair">, words: string): unknown {
  if (kind === "text") return value;
  if (kind === "binary") return new TextEncoder().encode(value);
  const most = maximums[kind];
  if (!/^\d+$/.test(value) || Number(value) > most) throw wrong(words, `must be an integer from 0 to ${most}`);
  return kind === "flag" ? value === "1" : Number(value);
}

function wrong(words: string, why: string): ArgumentError {
  return new ArgumentError(`-D ${words.replaceAll(BETWEEN, " ")}: ${why}`);
}
