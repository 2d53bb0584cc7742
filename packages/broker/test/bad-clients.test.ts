// Invalid client behaviour: the client gets the reason on MQTT 5, its connection closes within 100 ms, and other
// clients are not affected.
import { encode, type Packet } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Bench, message, receive, subscribe } from "./bench.ts";

const connect: Packet = { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 };
const subscribeTo = (topicFilter: string, fields = {}) =>
  encode({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter, qos: 0, ...fields }] }, 5);

const faults: readonly (readonly [string, Packet | Uint8Array, number])[] = [
  ["a second CONNECT", connect, 0x82],
  ["CONNACK", { type: "connack", sessionPresent: false, reasonCode: 0 }, 0x82],
  ["SUBACK", { type: "suback", packetIdentifier: 1, reasonCodes: [0] }, 0x82],
  ["UNSUBACK", { type: "unsuback", packetIdentifier: 1, reasonCodes: [0] }, 0x82],
  ["PINGRESP", { type: "pingresp" }, 0x82],
  ["AUTH without a method", Uint8Array.of(0xf0, 0), 0x82],
  ["a reserved type", Uint8Array.of(0, 0), 0x81],
  ["SUBSCRIBE with wrong flags", Uint8Array.of(0x80, 6, 0, 1, 0, 0, 0, 0), 0x81],
  ["SUBSCRIBE without a filter", Uint8Array.of(0x82, 3, 0, 1, 0), 0x82],
  ["SUBSCRIBE with packet identifier 0", Uint8Array.of(0x82, 7, 0, 0, 0, 0, 1, 0x61, 0), 0x82],
  ["a bad filter", Uint8Array.of(0x82, 9, 0, 1, 0, 0, 3, 0x23, 0x2f, 0x61, 0), 0x81],
  [
    "no local on a shared subscription",
    Uint8Array.of(0x82, 16, 0, 1, 0, 0, 10, ...new TextEncoder().encode("$share/g/a"), 4),
    0x82,
  ],
  ["a topic with a wildcard", Uint8Array.of(0x30, 4, 0, 1, 0x23, 0), 0x90],
  ["an empty topic without an alias", Uint8Array.of(0x30, 3, 0, 0, 0), 0x82],
  ["a topic alias of 0", Uint8Array.of(0x30, 7, 0, 1, 0x61, 3, 0x23, 0, 0), 0x94],
  ["a topic alias above the maximum", message("a", "", { properties: { topicAlias: 101 } }), 0x94],
  ["a topic alias that was never set", message("", "", { properties: { topicAlias: 5 } }), 0x82],
  ["a subscription identifier in PUBLISH", message("a", "", { properties: { subscriptionIdentifiers: [1] } }), 0x82],
  ["QoS 3", Uint8Array.of(0x36, 6, 0, 1, 0x61, 0, 1, 0), 0x81],
  ["ill-formed UTF-8", Uint8Array.of(0x30, 4, 0, 1, 0xff, 0), 0x81],
  ["NUL in a topic", Uint8Array.of(0x30, 4, 0, 1, 0, 0), 0x81],
  ["a property where it does not belong", Uint8Array.of(0xe0, 4, 0, 2, 1, 0), 0x81],
  ["PUBCOMP out of turn is harmless, a PUBREL bit is not", Uint8Array.of(0x60, 2, 0, 1), 0x81],
];

describe.each(faults)("%s", (_name, fault, reasonCode) => {
  test(`is answered with ${reasonCode.toString(16)}`, async () => {
    const bench = new Bench();
    const other = await bench.connect("other");
    await subscribe(other, "a");
    const peer = await bench.connect("c");
    peer.send(fault);
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode });
    await bench.clock.advance(99);
    await peer.expectClose();
    other.send(message("a", "still here"));
    expect(await receive(other)).toBe("a=still here q0");
    expect(bench.hub.connectionCount).toBe(1);
  });
});

test.each([3, 4] as const)("version %i: the connection is closed without a reply", async (protocolVersion) => {
  const bench = new Bench();
  const peer = await bench.connect("c", { protocolVersion });
  peer.send(Uint8Array.of(0xd0, 0));
  await bench.clock.advance(99);
  await peer.expectClose();
});

test.each([
  ["CONNECT", 0x10],
  ["CONNACK", 0x20],
  ["SUBACK", 0x90],
  ["UNSUBACK", 0xb0],
  ["PINGRESP", 0xd0],
  ["AUTH", 0xf0],
])("%s from a connected client is refused at its first byte", async (_, first) => {
  const bench = new Bench();
  const { peer } = await bench.introduce("c");
  peer.send(Uint8Array.of(first));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
  await peer.expectClose();
});

test.each([
  ["SUBSCRIBE of more than 4 MiB", [0x82, 0xfc, 0xff, 0xff, 0x01]],
  ["PUBLISH of more than 64 MiB", [0x30, 0xfc, 0xff, 0xff, 0x1f]],
])("%s is refused by its header", async (_, header) => {
  const bench = new Bench();
  const { peer } = await bench.introduce("c");
  peer.send(Uint8Array.from(header));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x95 });
  await peer.expectClose();
});

test("a packet above the maximum size is refused as soon as its length is known", async () => {
  const bench = new Bench({ maximumPacketSize: 100 });
  const peer = await bench.connect("c");
  peer.send(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x95 });
  await peer.expectClose();
});

test("more unacknowledged messages than the receive maximum are answered with 0x93", async () => {
  const bench = new Bench({ receiveMaximum: 2 });
  const peer = await bench.connect("c");
  for (let i = 1; i <= 2; i++) {
    peer.send(message("a", "", { qos: 2, packetIdentifier: i }));
    await peer.expect("pubrec");
  }
  peer.send(message("a", "", { qos: 2, packetIdentifier: 3 }));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x93 });
});

test("PUBREL for an unknown identifier is answered, on MQTT 5 with 0x92", async () => {
  const bench = new Bench();
  for (const [protocolVersion, reasonCode] of [
    [5, 0x92],
    [4, 0],
  ] as const) {
    const peer = await bench.connect("c", { protocolVersion });
    peer.send({ type: "pubrel", packetIdentifier: 3, reasonCode: 0 });
    expect(await peer.expect("pubcomp")).toMatchObject({ packetIdentifier: 3, reasonCode });
    peer.send({ type: "disconnect", reasonCode: 0 });
    await peer.expectClose();
  }
});

test("splitting the bytes at any place gives the same result", async () => {
  const bench = new Bench();
  const peer = bench.dial();
  const bytes = [encode(connect, 5), subscribeTo("a"), encode(message("a", "x"), 5)];
  for (const byte of bytes.flatMap((each) => [...each])) peer.send(Uint8Array.of(byte));
  await peer.expect("connack");
  await peer.expect("suback");
  expect(await receive(peer)).toBe("a=x q0");
});

test("a client that sends PINGREQ without reading is disconnected, and the event says why", async () => {
  const bench = new Bench();
  const peer = await bench.connect("deaf");
  peer.pause();
  const pings = Buffer.concat(Array.from({ length: 60_000 }, () => encode({ type: "pingreq" }, 5)));
  for (let i = 0; i < 20; i++) peer.send(pings);
  await bench.clock.settle();
  const reason = "the peer does not read: more than 1048576 bytes of answers are pending";
  expect(bench.events.at(-1)).toMatchObject({ type: "disconnected", clientId: "deaf", reason });
});
