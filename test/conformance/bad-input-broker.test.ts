// Everything that a client must not send, to the broker in every version: DISCONNECT has the reason code on MQTT 5
// (before CONNACK only if a CONNACK can carry it), the connection is closed within 100 ms, and the broker's program
// gets the reason.
import type { ProtocolVersion } from "@aiko/mqtt";
import { type DisconnectPacket, encode, type Packet, PacketStream } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import type { AuthenticationExchange } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { Bench, message, subscribe } from "../../packages/broker/test/bench.ts";
import { malformedVectors, toHex } from "../../packages/mqtt/test/codec/vectors.ts";
import type { BrokerEvent } from "../fixtures/broker-events.ts";

const fromClient = malformedVectors.filter(({ direction }) => direction !== "s2c");
const connects = fromClient.filter(({ bytes }) => bytes[0] === 0x10);
const others = fromClient.filter(({ bytes }) => bytes[0] !== 0x10);
const all = [3, 4, 5] as const;

test("there are vectors that a client could send, of every version", () => {
  for (const version of all) expect(fromClient.some((vector) => vector.version === version)).toBe(true);
  expect(connects.length).toBeGreaterThan(25);
  expect(others.length).toBeGreaterThan(50);
});

/** The broker refuses the bytes with one of these reason codes; with any code if the list is empty. */
async function expectEnd(
  bench: Bench,
  peer: ScriptedPeer,
  version: ProtocolVersion,
  bytes: Uint8Array,
  codes: readonly number[],
): Promise<void> {
  await bench.clock.tick();
  const before = peer.bytes.length;
  peer.send(bytes);
  await bench.clock.advance(99);
  expect(peer.isClosed).toBe(true);
  const last = bench.events.at(-1);
  expect(last).toMatchObject({ type: "disconnected" });
  expectReason(peer.bytes.subarray(before), version, "disconnect", codes, last);
  expect(bench.hub.connectionCount).toBe(0);
}

/**
 * On MQTT 5, the bytes are one packet with one of these reason codes, and the reason that the event has. Before, there
 * are none.
 */
function expectReason(
  bytes: Uint8Array,
  version: ProtocolVersion,
  type: "connack" | "disconnect",
  codes: readonly number[],
  event: BrokerEvent | undefined,
): void {
  if (version < 5) {
    expect(toHex(bytes)).toBe("");
    return;
  }
  const said = new PacketStream(5).push(bytes);
  const { reason } = event as { readonly reason: string };
  expect(said).toMatchObject([{ type, properties: { reasonString: reason } }]);
  const { reasonCode } = said[0] as DisconnectPacket;
  if (codes.length === 0) expect(reasonCode).toBeGreaterThanOrEqual(0x80);
  else expect(codes).toContain(reasonCode);
}

describe("a malformed packet from a connected client", () => {
  test.each(others)("$id: $why", async ({ version, bytes, reasonCodes }) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion: version });
    await expectEnd(bench, peer, version, bytes, reasonCodes);
  });

  // A CONNECT of another version is first of all a second CONNECT.
  test.each(connects)("$id: $why", async ({ version, bytes }) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion: version });
    await expectEnd(bench, peer, version, bytes, []);
  });
});

/** The content of CONNACK, in the form of 3.1.1 or of MQTT 5. */
function refusals({ id, version, reasonCodes, connackReturnCode }: (typeof connects)[number]): string[] {
  if (connackReturnCode !== undefined) return [`2002000${connackReturnCode}`];
  const unknownVersion = reasonCodes.includes(0x84) || id.endsWith("connect-name");
  const form5 = reasonCodes.map((code) => `200300${code.toString(16)}00`);
  if (unknownVersion) return ["20020001", ...form5];
  return version === 5 ? form5 : [""];
}

test.each(connects)("a malformed CONNECT, $id: $why", async (vector) => {
  const bench = new Bench();
  const peer = bench.dial(vector.version);
  peer.send(vector.bytes);
  await bench.clock.advance(99);
  expect(peer.isClosed).toBe(true);
  expect(refusals(vector)).toContain(toHex(peer.bytes));
  expect(bench.events).toMatchObject([{ type: "refused" }]);
  expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
});

describe("a malformed packet behind CONNECT, while authenticate decides", () => {
  const connect = (protocolVersion: ProtocolVersion) =>
    encode({ type: "connect", protocolVersion, clientId: "c", cleanStart: true, keepAlive: 0 }, protocolVersion);

  async function waiting(version: ProtocolVersion, bytes: Uint8Array) {
    let decide: (answer: boolean) => void = () => undefined;
    const answer = new Promise<boolean>((resolve) => {
      decide = resolve;
    });
    const bench = new Bench({ authenticate: () => answer });
    const peer = bench.dial(version);
    peer.send(connect(version));
    peer.send(bytes);
    await bench.clock.advance(99);
    expect([peer.isClosed, toHex(peer.bytes)]).toEqual([false, ""]);
    return { bench, peer, decide };
  }

  test.each(fromClient)("ends the connection once the client is accepted: $id", async (vector) => {
    const { version, bytes, reasonCodes } = vector;
    const { bench, peer, decide } = await waiting(version, bytes);
    decide(true);
    await peer.expect("connack");
    const before = version === 5 ? 2 + (peer.bytes[1] ?? 0) : 4;
    await bench.clock.advance(99);
    expect(peer.isClosed).toBe(true);
    const codes = connects.includes(vector) ? [] : reasonCodes;
    expectReason(peer.bytes.subarray(before), version, "disconnect", codes, bench.events.at(-1));
    expect(bench.hub.connectionCount).toBe(0);
  });

  test.each(fromClient)("is not decoded if the client is refused: $id", async ({ version, bytes }) => {
    const { bench, peer, decide } = await waiting(version, bytes);
    decide(false);
    await bench.clock.advance(99);
    expect(peer.isClosed).toBe(true);
    expect(peer.received).toMatchObject([{ type: "connack", reasonCode: version === 5 ? 0x86 : 4 }]);
    expect(bench.events).toMatchObject([{ type: "refused", reason: expect.stringContaining("authenticate refused") }]);
  });
});

describe("a malformed packet instead of the answer to a challenge", () => {
  const ofFive = fromClient.filter(({ version }) => version === 5);
  const authenticationMethods = {
    M: async (exchange: AuthenticationExchange) => (await exchange.challenge()) === undefined,
  };
  const properties = { authenticationMethod: "M" };

  test.each(ofFive)("$id: $why", async (vector) => {
    const bench = new Bench({ authenticationMethods });
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0, properties });
    await peer.expect("auth");
    const before = peer.bytes.length;
    peer.send(vector.bytes);
    await bench.clock.advance(99);
    expect(peer.isClosed).toBe(true);
    // A packet other than AUTH and DISCONNECT is first of all one that is not allowed now.
    expectReason(peer.bytes.subarray(before), 5, "connack", [], bench.events.at(-1));
    expect(bench.events).toMatchObject([{ type: "refused" }]);
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
  });

  test.each(ofFive)("$id, when the client authenticates again", async (vector) => {
    const bench = new Bench({ authenticationMethods });
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0, properties });
    await peer.expect("auth");
    peer.send({ type: "auth", reasonCode: 0x18, properties });
    await peer.expect("connack");
    peer.send({ type: "auth", reasonCode: 0x19, properties });
    await peer.expect("auth");
    const codes = connects.includes(vector) ? [] : vector.reasonCodes;
    await expectEnd(bench, peer, 5, vector.bytes, codes);
  });
});

test.each(others)("a malformed packet instead of CONNECT, $id: $why", async ({ version, bytes }) => {
  const bench = new Bench();
  const peer = bench.dial(version);
  peer.send(bytes);
  await bench.clock.advance(99);
  expect(peer.isClosed).toBe(true);
  expect(toHex(peer.bytes)).toBe("");
  expect(bench.events).toMatchObject([{ type: "refused" }]);
});

type Prepare = (bench: Bench, peer: ScriptedPeer) => Promise<void>;
interface Disorder {
  readonly what: string;
  readonly packet: Packet;
  readonly reasonCode?: number;
  readonly versions?: readonly ProtocolVersion[];
  readonly prepare?: Prepare;
}

/** The broker sends the client a message of this QoS, with packet identifier 1. */
const receiving =
  (qos: 1 | 2): Prepare =>
  async (_bench, peer) => {
    await subscribe(peer, "t", { qos });
    peer.send(message("t", "x", { qos, packetIdentifier: 5 }));
    expect(await peer.expect("publish")).toMatchObject({ qos, packetIdentifier: 1 });
  };
const ack = (type: "puback" | "pubrec" | "pubcomp"): Packet => ({ type, packetIdentifier: 1, reasonCode: 0 });
const five = [5] as const;

const disorders: readonly Disorder[] = [
  { what: "CONNACK", packet: { type: "connack", sessionPresent: false, reasonCode: 0 } },
  { what: "SUBACK", packet: { type: "suback", packetIdentifier: 1, reasonCodes: [0] } },
  { what: "UNSUBACK", packet: { type: "unsuback", packetIdentifier: 1, reasonCodes: [0] } },
  { what: "PINGRESP", packet: { type: "pingresp" } },
  { what: "AUTH without a request", packet: { type: "auth", reasonCode: 0x18 }, versions: five },
  { what: "PUBACK for a QoS 2 message", packet: ack("puback"), prepare: receiving(2) },
  { what: "PUBREC for a QoS 1 message", packet: ack("pubrec"), prepare: receiving(1) },
  { what: "PUBCOMP for a QoS 1 message", packet: ack("pubcomp"), prepare: receiving(1) },
  { what: "PUBCOMP before PUBREC", packet: ack("pubcomp"), prepare: receiving(2) },
  {
    what: "a subscription identifier in PUBLISH",
    packet: message("t", "x", { properties: { subscriptionIdentifiers: [1] } }),
    versions: five,
  },
  {
    what: "a topic alias above the maximum",
    packet: message("t", "x", { properties: { topicAlias: 65_535 } }),
    reasonCode: 0x94,
    versions: five,
  },
  {
    what: "a topic alias that was never set",
    packet: message("", "x", { properties: { topicAlias: 5 } }),
    versions: five,
  },
];

describe("a valid packet that is not allowed at this point", () => {
  const cases = disorders.flatMap((each) => (each.versions ?? all).map((version) => ({ ...each, version })));

  test.each(cases)("$what, on version $version", async ({ packet, reasonCode = 0x82, prepare, version }) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion: version });
    await prepare?.(bench, peer);
    await expectEnd(bench, peer, version, encode(packet, version), [reasonCode]);
  });

  test.each(all)("a second CONNECT, on version %i", async (version) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion: version });
    const connect = {
      type: "connect",
      protocolVersion: version,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
    } as const;
    await expectEnd(bench, peer, version, encode(connect, version), [0x82]);
  });

  const early: readonly Packet[] = [
    message("t", "x"),
    ack("puback"),
    { type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0 }] },
    { type: "pingreq" },
    { type: "disconnect", reasonCode: 0 },
  ];
  test.each(early.flatMap((packet) => all.map((version) => ({ packet, version }))))(
    "$packet.type before CONNECT, on version $version",
    async ({ packet, version }) => {
      const bench = new Bench();
      const peer = bench.dial(version);
      peer.send(encode(packet, version));
      await bench.clock.advance(99);
      expect(peer.isClosed).toBe(true);
      expect(toHex(peer.bytes)).toBe("");
      expect(bench.events).toMatchObject([{ type: "refused" }]);
    },
  );
});
