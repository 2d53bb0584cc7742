// Owns the generators of valid packets: every type in every version, with everything that the specification allows in
// it.

import type { Packet, ProtocolVersion } from "@aiko/mqtt/codec";
import fc, { type Arbitrary } from "fast-check";
import { type Kind, type Place, propertyTable } from "./property-table.ts";

const text = (maxLength: number): Arbitrary<string> =>
  fc.string({ unit: "binary", maxLength }).map((value) => value.replaceAll("\0", "\ufeff"));
const bytes = (maxLength: number): Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const level = text(4).map((value) => value.replace(/[+#/]/g, "-"));
const levels = fc.array(fc.oneof(level, fc.constantFrom("", "a", "$SYS")), { minLength: 1, maxLength: 5 });

const topicName: Arbitrary<string> = levels.map((parts) => parts.join("/") || "/");

const unsharedFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([parts, all]) => [...parts, ...(all ? ["#"] : [])].join("/") || "+");

const sharedFilter = fc
  .tuple(
    level.map((name) => name || "g"),
    unsharedFilter,
  )
  .map(([name, filter]) => `$share/${name}/${filter}`);

const topicFilter: Arbitrary<string> = fc.oneof({ weight: 3, arbitrary: unsharedFilter }, sharedFilter);

const values: Record<Kind, Arbitrary<unknown>> = {
  bit: fc.constantFrom(0, 1),
  boolean: fc.boolean(),
  "two-byte": fc.integer({ min: 1, max: 0xffff }),
  "four-byte": fc.integer({ min: 1, max: 0xffff_ffff }),
  variable: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 268_435_455 })),
  text: text(20),
  topic: topicName,
  binary: bytes(20),
  pair: fc.tuple(text(5), text(5)),
};

/** Properties of one packet, in any order; if there are none, undefined or, if `empty` allows it, an empty object. */
function properties(place: Place, empty?: object): Arbitrary<object | undefined> {
  const rules = propertyTable.filter((rule) => rule.places.includes(place));
  const chosen = fc.shuffledSubarray([...rules], { maxLength: Math.min(rules.length, 6) });
  const entries = chosen.chain((some) =>
    fc.tuple(
      ...some.map(({ name, kind, repeatable }) => {
        const value = repeatable ? fc.array(values[kind], { minLength: 1, maxLength: 3 }) : values[kind];
        return fc.tuple(fc.constant(name), value);
      }),
    ),
  );
  return fc.tuple(entries, fc.boolean()).map(([list, spelled]) => {
    const bag = Object.fromEntries(list);
    if ("authenticationData" in bag) bag["authenticationMethod"] ??= "m";
    return Object.keys(bag).length > 0 ? bag : spelled ? empty : undefined;
  });
}

const packetIdentifier = fc.integer({ min: 1, max: 0xffff });
const qos = fc.constantFrom(0, 1, 2);
const only = <T>(value: T) => fc.constant(value);
const undef = only(undefined);

function on5<T>(version: ProtocolVersion, arbitrary: Arbitrary<T>): Arbitrary<T | undefined> {
  return version === 5 ? arbitrary : undef;
}

function connect(version: ProtocolVersion): Arbitrary<unknown> {
  const will = fc.record({
    topic: topicName,
    payload: bytes(30),
    qos,
    retain: fc.boolean(),
    properties: on5(version, properties("will")),
  });
  return fc
    .record({
      type: only("connect"),
      protocolVersion: only(version),
      clientId: text(12),
      cleanStart: fc.boolean(),
      keepAlive: fc.integer({ min: 0, max: 0xffff }),
      will: fc.option(will, { nil: undefined }),
      username: fc.option(text(12), { nil: undefined }),
      password: fc.option(bytes(12), { nil: undefined }),
      properties: on5(version, properties("connect")),
    })
    .map((packet) => ({
      ...packet,
      clientId: packet.clientId || (version === 5 || (version === 4 && packet.cleanStart) ? "" : "c"),
      username: packet.username ?? (version !== 5 && packet.password !== undefined ? "u" : undefined),
    }));
}

function connack(version: ProtocolVersion): Arbitrary<unknown> {
  const refusal = version === 5 ? fc.constantFrom(0x80, 0x85, 0x87, 0x95, 0x9f) : fc.integer({ min: 1, max: 5 });
  return fc
    .record({
      type: only("connack"),
      sessionPresent: version === 3 ? only(false) : fc.boolean(),
      reasonCode: fc.oneof(only(0), refusal),
      properties: on5(version, properties("connack")),
    })
    .map((packet) => ({ ...packet, sessionPresent: packet.sessionPresent && packet.reasonCode === 0 }));
}

function publish(version: ProtocolVersion): Arbitrary<unknown> {
  return fc
    .record({
      type: only("publish"),
      topic: topicName,
      payload: fc.oneof(bytes(30), bytes(300)),
      qos,
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetIdentifier,
      properties: on5(version, properties("publish")),
      aliased: fc.boolean(),
    })
    .map(({ aliased, ...packet }) => ({
      ...packet,
      topic: aliased && packet.properties && "topicAlias" in packet.properties ? "" : packet.topic,
      dup: packet.dup && packet.qos > 0,
      packetIdentifier: packet.qos > 0 ? packet.packetIdentifier : 0,
    }));
}

type Ack = "puback" | "pubrec" | "pubrel" | "pubcomp";

function acknowledgement(type: Ack, version: ProtocolVersion): Arbitrary<unknown> {
  const codes = type === "puback" || type === "pubrec" ? [0x10, 0x80, 0x87, 0x97] : [0x92];
  return fc.record({
    type: only(type),
    packetIdentifier,
    reasonCode: version === 5 ? fc.constantFrom(0, ...codes) : only(0),
    properties: on5(version, properties(type, {})),
    ...(type === "pubrel" && version === 3 && { dup: fc.constantFrom(undefined, true) }),
  });
}

function subscribe(version: ProtocolVersion): Arbitrary<unknown> {
  const subscription = fc
    .record({
      topicFilter,
      qos,
      ...(version === 5 && {
        noLocal: fc.boolean(),
        retainAsPublished: fc.boolean(),
        retainHandling: fc.constantFrom(0, 1, 2),
      }),
    })
    .map((each) => ("noLocal" in each && each.topicFilter.startsWith("$share/") ? { ...each, noLocal: false } : each));
  return fc.record({
    type: only("subscribe"),
    packetIdentifier,
    subscriptions: fc.array(subscription, { minLength: 1, maxLength: 4 }),
    properties: on5(version, properties("subscribe")),
    ...(version === 3 && { dup: fc.constantFrom(undefined, true) }),
  });
}

function unsubscribe(version: ProtocolVersion): Arbitrary<unknown> {
  return fc.record({
    type: only("unsubscribe"),
    packetIdentifier,
    topicFilters: fc.array(topicFilter, { minLength: 1, maxLength: 4 }),
    properties: on5(version, properties("unsubscribe")),
    ...(version === 3 && { dup: fc.constantFrom(undefined, true) }),
  });
}

function granted(type: "suback" | "unsuback", version: ProtocolVersion): Arbitrary<unknown> {
  const since5 = type === "suback" ? [0, 1, 2, 0x80, 0x87, 0x9e] : [0, 0x11, 0x87];
  const codes = version === 5 ? since5 : [0, 1, 2, 0x80];
  return fc.record({
    type: only(type),
    packetIdentifier,
    reasonCodes:
      type === "unsuback" && version !== 5
        ? only([])
        : fc.array(fc.constantFrom(...codes), { minLength: 1, maxLength: 5 }),
    properties: on5(version, properties(type)),
  });
}

function ending(type: "disconnect" | "auth", version: ProtocolVersion): Arbitrary<unknown> {
  const codes = type === "auth" ? [0, 0x18, 0x19] : [0, 4, 0x81, 0x8e, 0x9d];
  return fc.record({
    type: only(type),
    reasonCode: version === 5 ? fc.constantFrom(...codes) : only(0),
    properties: on5(version, properties(type, {})),
  });
}

/** Any valid packet except CONNECT and AUTH, which do not exist everywhere. */
function common(version: ProtocolVersion): Arbitrary<unknown>[] {
  return [
    connack(version),
    publish(version),
    ...(["puback", "pubrec", "pubrel", "pubcomp"] as const).map((type) => acknowledgement(type, version)),
    subscribe(version),
    granted("suback", version),
    unsubscribe(version),
    granted("unsuback", version),
    fc.constantFrom({ type: "pingreq" }, { type: "pingresp" }),
    ending("disconnect", version),
  ];
}

export function arbitraryPacket(version: ProtocolVersion): Arbitrary<Packet> {
  const auth = version === 5 ? [ending("auth", version)] : [];
  return fc.oneof(connect(version), ...common(version), ...auth) as Arbitrary<Packet>;
}
