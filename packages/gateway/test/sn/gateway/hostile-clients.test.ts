// Many clients that send arbitrary messages, with a far side that fails at random: the machine throws nothing, and stays bounded.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import type { SnPacket } from "../../../src/sn/packets.ts";
import { anyEncapsulation, anyPacket } from "../codec/any-packet.ts";
import { bytes, type Device, Network } from "./network.ts";

const clientId = fc.constantFrom("one", "two", "three", "four", "five", "six", "seven", "eight", "honest");
const topicName = fc.constantFrom(
  "ab",
  "a/b",
  "#",
  "+/b",
  "$SYS/x",
  "$share/g/#",
  "\ufeff",
  "a\u0000",
  "é".repeat(800),
);
const messageId = fc.nat(4);
const flag = fc.boolean();
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const topic = fc.oneof(
  fc.record({ kind: fc.constant("normal" as const), id: fc.integer({ min: 1, max: 4 }) }),
  fc.constant({ kind: "short" as const, name: "ab" }),
);

/** Messages that fit together more often than arbitrary ones. */
const likely: fc.Arbitrary<SnPacket> = fc.oneof(
  fc.record({
    type: fc.constant("connect" as const),
    will: flag,
    cleanSession: flag,
    protocolId: fc.constant(1),
    duration: fc.constantFrom(0, 1, 60, 65_535),
    clientId,
  }),
  fc.record({
    type: fc.constantFrom("willtopic" as const, "willtopicupd" as const),
    will: fc.record({ topic: topicName, qos, retain: flag }),
  }),
  fc.record({ type: fc.constantFrom("willmsg" as const, "willmsgupd" as const), message: fc.constant(bytes("bye")) }),
  fc.record({ type: fc.constant("register" as const), topicId: fc.constant(0), messageId, topicName }),
  fc.record({
    type: fc.constant("publish" as const),
    dup: flag,
    retain: flag,
    qos: fc.constantFrom(-1 as const, 0 as const, 1 as const, 2 as const),
    topic,
    messageId,
    data: fc.constant(bytes("x")),
  }),
  fc.record({
    type: fc.constant("subscribe" as const),
    dup: flag,
    qos,
    topic: fc.record({ kind: fc.constant("normal" as const), name: topicName }),
    messageId,
  }),
  fc.record({ type: fc.constantFrom("pubrec" as const, "pubrel" as const, "pubcomp" as const), messageId }),
  fc.record({
    type: fc.constantFrom("puback" as const, "regack" as const),
    topicId: fc.nat(4),
    messageId,
    returnCode: fc.nat(3),
  }),
  fc.record({ type: fc.constant("pingreq" as const), clientId }),
  fc.record({ type: fc.constant("disconnect" as const), duration: fc.constantFrom(0, 1, 600, 65_535) }),
);

const sender = fc.record({
  address: fc.constantFrom("10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1", "127.0.0.1:1", "127.0.0.1:2"),
  encapsulation: fc.option(
    fc.oneof(fc.constant({ wirelessNodeId: new Uint8Array(252), radius: 3 }), anyEncapsulation),
    {
      nil: undefined,
      freq: 5,
    },
  ),
});

type Step = (network: Network, honest: Device) => void | Promise<void>;

const datagram: fc.Arbitrary<Step> = fc
  .record({
    sender,
    packet: fc.oneof({ arbitrary: likely, weight: 4 }, { arbitrary: anyPacket, weight: 1 }),
    damage: fc.option(fc.record({ at: fc.nat(40), octet: fc.nat(255) }), { nil: undefined, freq: 8 }),
  })
  .map(({ sender: { address, encapsulation }, packet, damage }) => (network) => {
    const frame = encodeFrame(packet, encapsulation);
    if (damage !== undefined) frame[damage.at % frame.length] = damage.octet;
    network.gateway.receive(network.device(address).peer, decodeFrame(frame));
  });

const farSide: fc.Arbitrary<Step> = fc
  .constantFrom("accepted" as const, "congestion" as const, "refused" as const, "holds" as const, "release" as const)
  .map((what) => ({ uplink }) => {
    if (what === "holds") uplink.holds = true;
    else if (what === "release") uplink.release();
    else uplink.outcome = what;
  });

const rejection: fc.Arbitrary<Step> = fc
  .constantFrom("rejects" as const, "throws" as const)
  .map((how) => ({ uplink }) => {
    uplink.breaks = how;
  });

const delivery: fc.Arbitrary<Step> = fc
  .record({ topicName, qos, which: fc.nat(20), ends: fc.boolean(), size: fc.constantFrom(1, 2_000) })
  .map(({ topicName: name, qos: level, which, ends, size }) => ({ uplink: { connections } }) => {
    const connection = connections[connections.length - 1 - (which % Math.max(1, connections.length))];
    if (ends && which === 0) connection?.end();
    else connection?.send(name, "x".repeat(size), level);
  });

const time: fc.Arbitrary<Step> = fc
  .constantFrom(0, 1, 100, 1_000, 10_000, 70_000)
  .map((milliseconds) => (network) => network.pass(milliseconds));

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: datagram, weight: 12 },
  { arbitrary: delivery, weight: 3 },
  { arbitrary: time, weight: 3 },
  { arbitrary: farSide, weight: 1 },
  { arbitrary: rejection, weight: 1 },
);

test("whatever clients send in whatever order, the machine goes on, and an honest client is answered", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const network = new Network({ maxClients: 6, maxTopics: 4, queue: { records: 5, bytes: 5_000 } });
      const honest = network.device("10.9.9.9:1");
      for (const each of steps) {
        await each(network, honest);
        await network.clock.tick();
        const { counts } = network.gateway;
        expect(Object.values(counts).reduce((sum, count) => sum + count)).toBeLessThanOrEqual(6);
      }
      network.uplink.breaks = undefined;
      network.uplink.outcome = "accepted";
      network.uplink.release();
      await network.pass(200_000); // dialogues and vanished clients make room
      honest.received();
      expect(await honest.connect({ clientId: "newcomer" })).toEqual(["connack 0"]);
      expect(await honest.register("fresh", 9)).toEqual(["regack 1 #9 0"]);
      expect(await honest.publish({ qos: 1, messageId: 7 })).toEqual(["puback 1 #7 0"]);
      network.gateway.stop();
    }),
    { numRuns: Number(process.env["HOSTILE_RUNS"] ?? 100) },
  );
});

test("a fault of the far side is reported, and is congestion for the client", async () => {
  for (const how of ["rejects", "throws"] as const) {
    const network = new Network();
    const device = network.device();
    network.uplink.breaks = how;
    expect(await device.connect()).toEqual(["connack 1"]);
    expect(await device.connect()).toEqual(["connack 0"]);
    network.uplink.breaks = how;
    expect(await device.subscribe("a/#")).toEqual(["suback 0 #2 1 qos 0"]);
    network.uplink.breaks = how;
    const topic = { kind: "short", name: "ab" } as const;
    expect(await device.publish({ topic, qos: 1, messageId: 3 })).toEqual([`puback ${0x6162} #3 1`]);
    expect(network.failures).toEqual(["Error: broken", "Error: broken", "Error: broken"]);
  }
});
