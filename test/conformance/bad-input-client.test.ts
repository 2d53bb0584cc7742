// Everything that a server must not send, to clients of every version: DISCONNECT has the reason code on MQTT 5, the
// connection is closed within 100 ms, and the application gets a ProtocolError with that code.
import type { ConnectOptions, ProtocolVersion } from "@aiko/mqtt";
import { encode, type Packet } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { packetTypes } from "../../packages/mqtt/src/codec/packets.ts";
import { Bench, message, watch } from "../../packages/mqtt/test/client/bench.ts";
import { malformedVectors, toHex } from "../../packages/mqtt/test/codec/vectors.ts";
import { connected, started, type Wire } from "./wire.ts";

const fromServer = malformedVectors.filter(({ direction }) => direction !== "c2s");

/**
 * The codes for a malformed packet: if a packet of its type is not allowed, it is refused at its first byte, before
 * anything else is known.
 *
 * @param online whether CONNACK has come
 */
function codesFor(
  bytes: Uint8Array,
  version: ProtocolVersion,
  online: boolean,
  codes: readonly number[],
): readonly number[] {
  const type = packetTypes[(bytes[0] as number) >> 4];
  const isFirst = type === "connack" || type === "auth";
  const isRequest = type === "connect" || type === "subscribe" || type === "unsubscribe" || type === "pingreq";
  const mayCome = online ? !isRequest && type !== "connack" && (type !== "disconnect" || version === 5) : isFirst;
  return mayCome || codes.length === 0 ? codes : [...codes, PROTOCOL_ERROR];
}
const PROTOCOL_ERROR = 0x82;

/** The client refuses the bytes with one of these reason codes; with any code if the list is empty. */
async function expectEnd(
  wire: Wire,
  version: ProtocolVersion,
  bytes: Uint8Array,
  codes: readonly number[],
): Promise<void> {
  await wire.sent();
  const before = wire.events.length;
  wire.peer.send(bytes);
  const said = await wire.sent();
  await wire.bench.clock.advance(99);
  expect(wire.peer.isClosed).toBe(true);
  const { name, value } = wire.events[before] ?? {};
  expect(name).toBe("disconnected");
  const { error } = value as { error: { name: string; reasonCode: number } };
  expect(error.name).toBe("ProtocolError");
  if (codes.length > 0) expect(codes).toContain(error.reasonCode);
  expect(said).toBe(version === 5 ? `e001${error.reasonCode.toString(16)}` : "");
  await wire.bench.acceptAgain();
  expect(wire.client.connected).toBe(true);
}

test("there are vectors that a server could send, of every version", () => {
  for (const version of [3, 4, 5]) expect(fromServer.some((vector) => vector.version === version)).toBe(true);
  expect(fromServer.length).toBeGreaterThan(60);
});

describe("a malformed packet to a connected client", () => {
  test.each(fromServer)("$id: $why", async ({ version, bytes, reasonCodes }) => {
    const codes = codesFor(bytes, version, true, reasonCodes);
    await expectEnd(await connected({ protocolVersion: version }), version, bytes, codes);
  });

  test.each(fromServer)("byte by byte, $id: $why", async ({ version, bytes, reasonCodes }) => {
    const wire = await connected({ protocolVersion: version });
    for (const byte of bytes.subarray(0, -1)) wire.peer.send(Uint8Array.of(byte));
    await wire.bench.clock.tick();
    if (wire.client.connected)
      await expectEnd(wire, version, bytes.subarray(-1), codesFor(bytes, version, true, reasonCodes));
    else expect(wire.events[0]).toMatchObject({ name: "disconnected", value: { error: { name: "ProtocolError" } } });
  });
});

describe("a malformed packet instead of CONNACK rejects connect", () => {
  test.each(fromServer)("$id: $why", async ({ version, bytes, reasonCodes, level }) => {
    const bench = new Bench();
    const outcome = watch(bench.create({ protocolVersion: version }).connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    peer.send(bytes);
    await bench.clock.advance(99);
    expect(peer.isClosed).toBe(true);
    expect(outcome.error).toMatchObject({ name: "ProtocolError" });
    if (reasonCodes.length > 0 && level === "codec")
      expect(codesFor(bytes, version, false, reasonCodes)).toContain(
        (outcome.error as { reasonCode: number }).reasonCode,
      );
    expect(bench.dialled).toHaveLength(1);
  });
});

type Prepare = (wire: Wire) => void | Promise<void>;
interface Disorder {
  readonly what: string;
  readonly packet: Packet;
  readonly reasonCode?: number;
  readonly versions?: readonly ProtocolVersion[];
  readonly options?: ConnectOptions;
  /** The client's actions before. */
  readonly prepare?: Prepare;
}

const all = [3, 4, 5] as const;
const five = [5] as const;
const sending =
  (qos: 1 | 2): Prepare =>
  ({ client }) =>
    started(client.publish("t", "x", { qos }));
const subscribing: Prepare = ({ client }) => started(client.subscribe(["a", "b"]));
const unsubscribing: Prepare = ({ client }) => started(client.unsubscribe(["a", "b"]));
const ack = (type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetIdentifier = 1): Packet => ({
  type,
  packetIdentifier,
  reasonCode: 0,
});
const suback = (type: "suback" | "unsuback", ...reasonCodes: number[]): Packet => ({
  type,
  packetIdentifier: 1,
  reasonCodes,
});

const disorders: readonly Disorder[] = [
  { what: "a second CONNACK", packet: { type: "connack", sessionPresent: false, reasonCode: 0 } },
  {
    what: "a second CONNACK, with a refusal",
    packet: { type: "connack", sessionPresent: false, reasonCode: 0x87 },
    versions: five,
  },
  {
    what: "SUBSCRIBE",
    packet: { type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0 }] },
  },
  { what: "UNSUBSCRIBE", packet: { type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a"] } },
  { what: "PINGREQ", packet: { type: "pingreq" } },
  { what: "DISCONNECT", packet: { type: "disconnect", reasonCode: 0 }, versions: [3, 4] },
  {
    what: "DISCONNECT with a session expiry interval",
    packet: { type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 5 } },
    versions: five,
  },
  { what: "AUTH without a request", packet: { type: "auth", reasonCode: 0x18 }, versions: five },
  {
    what: "AUTH with a method, without one in CONNECT",
    packet: { type: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m" } },
    versions: five,
  },
  { what: "PUBACK for a QoS 2 message", packet: ack("puback"), prepare: sending(2) },
  { what: "PUBREC for a QoS 1 message", packet: ack("pubrec"), prepare: sending(1) },
  { what: "PUBCOMP for a QoS 1 message", packet: ack("pubcomp"), prepare: sending(1) },
  { what: "PUBCOMP before PUBREC", packet: ack("pubcomp"), prepare: sending(2) },
  {
    what: "PUBACK for a message that had its PUBREC",
    packet: ack("puback"),
    prepare: async (wire) => {
      await sending(2)(wire);
      wire.peer.send(ack("pubrec"));
    },
  },
  {
    what: "PUBREL without PUBREC on an unfinished exchange",
    packet: ack("pubrel", 7),
    prepare: async (wire) => {
      started(wire.client.subscribe("#", { onMessage: () => new Promise(() => undefined) }));
      await wire.sent();
      wire.peer.send(message("t", "x", 2, 7));
    },
  },
  { what: "SUBACK with too few codes", packet: suback("suback", 0), prepare: subscribing },
  { what: "SUBACK with too many codes", packet: suback("suback", 0, 0, 0), prepare: subscribing },
  { what: "UNSUBACK for SUBSCRIBE", packet: suback("unsuback", 0, 0), prepare: subscribing },
  { what: "SUBACK for UNSUBSCRIBE", packet: suback("suback", 0, 0), prepare: unsubscribing },
  { what: "UNSUBACK with too few codes", packet: suback("unsuback", 0), prepare: unsubscribing, versions: five },
  { what: "UNSUBACK with too many codes", packet: suback("unsuback", 0, 0, 0), prepare: unsubscribing, versions: five },
  {
    what: "a topic alias above the maximum",
    packet: { ...message("t", "x"), properties: { topicAlias: 6 } },
    options: { properties: { topicAliasMaximum: 5 } },
    reasonCode: 0x94,
    versions: five,
  },
  {
    what: "a topic alias that was never set",
    packet: { ...message("", "x"), properties: { topicAlias: 5 } },
    options: { properties: { topicAliasMaximum: 5 } },
    versions: five,
  },
  {
    what: "more messages than the receive maximum and the inbox allow",
    packet: message("t", "x", 1, 9),
    options: { properties: { receiveMaximum: 1 }, inbox: { maximumCount: 1 } },
    reasonCode: 0x93,
    versions: five,
    prepare: async (wire) => {
      started(wire.client.subscribe("#", { onMessage: () => new Promise(() => undefined) }));
      await wire.sent();
      wire.peer.send(message("t", "x", 2, 7));
    },
  },
  {
    what: "a packet above the maximum packet size",
    packet: message("t", "x".repeat(100)),
    options: { properties: { maximumPacketSize: 50 } },
    reasonCode: 0x95,
    versions: five,
  },
];

describe("a valid packet that is not allowed at this point", () => {
  const cases = disorders.flatMap((each) => (each.versions ?? all).map((version) => ({ ...each, version })));

  test.each(cases)("$what, on version $version", async ({ packet, reasonCode = 0x82, options, prepare, version }) => {
    const wire = await connected({ protocolVersion: version, ...options });
    await prepare?.(wire);
    await expectEnd(wire, version, encode(packet, version), [reasonCode]);
  });

  test.each(all)("CONNECT, on version %i", async (version) => {
    const connect = {
      type: "connect",
      protocolVersion: version,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
    } as const;
    await expectEnd(await connected({ protocolVersion: version }), version, encode(connect, version), [0x82]);
  });

  const connects = malformedVectors.filter(({ direction, bytes }) => direction === "c2s" && bytes[0] === 0x10);
  test.each(connects)("CONNECT, malformed, $id: $why", async ({ version, bytes }) => {
    await expectEnd(await connected({ protocolVersion: version }), version, bytes, []);
  });

  test.each([3, 4] as const)("CONNECT of version %i on version 5", async (protocolVersion) => {
    for (const clientId of ["c", "a-client-identifier-that-is-long"]) {
      const connect = { type: "connect", protocolVersion: 4, clientId, cleanStart: true, keepAlive: 0 } as const;
      const bytes = [...encode(connect, 4)];
      if (protocolVersion === 3)
        bytes.splice(1, 8, (bytes[1] ?? 0) + 2, 0, 6, ...new TextEncoder().encode("MQIsdp"), 3);
      await expectEnd(await connected(), 5, Uint8Array.from(bytes), [0x82]);
    }
  });

  test.each([4, 5] as const)("a session present after a clean start, on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const outcome = watch(bench.create({ protocolVersion, reconnect: false }).connect());
    const peer = await bench.accept({ sessionPresent: true });
    await bench.clock.advance(99);
    expect(peer.isClosed).toBe(true);
    expect(outcome.error).toMatchObject({ name: "ProtocolError", reasonCode: 0x82 });
  });

  const early: readonly Packet[] = [
    message("t", "x"),
    message("t", "x", 1, 1),
    ack("puback"),
    ack("pubrec"),
    ack("pubrel"),
    ack("pubcomp"),
    suback("suback", 0),
    suback("unsuback", 0),
    { type: "pingresp" },
    { type: "disconnect", reasonCode: 0 },
  ];
  test.each(early.flatMap((packet) => all.map((version) => ({ packet, version }))))(
    "$packet.type before CONNACK, on version $version",
    async ({ packet, version }) => {
      const bench = new Bench();
      const client = bench.create({ protocolVersion: version });
      const events = bench.recordEvents(client);
      const outcome = watch(client.connect());
      const peer = await bench.server.next();
      await peer.expect("connect");
      const before = toHex(peer.bytes);
      peer.send(encode(packet, version));
      await bench.clock.advance(99);
      expect(peer.isClosed).toBe(true);
      expect(outcome.error).toMatchObject({ name: "ProtocolError", reasonCode: 0x82 });
      expect(toHex(peer.bytes)).toBe(before);
      expect(events).toEqual([]);
    },
  );
});
