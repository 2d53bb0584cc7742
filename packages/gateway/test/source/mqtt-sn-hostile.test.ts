// Arbitrary and damaged datagrams at the real source with the embedded broker: it goes on, and an honest device is answered.
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame } from "../../src/sn/codec/frame.ts";
import type { SnPacket } from "../../src/sn/packets.ts";
import { GatewayBench } from "../gateway-bench.ts";
import { anyEncapsulation, anyPacket } from "../sn/codec/any-packet.ts";
import { SnDevice } from "./sn-device.ts";

/** Milliseconds until the honest device repeats its question: the kernel drops datagrams while the gateway's socket is full. */
const RETRY = 500;

const flag = fc.boolean();
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const name = fc.constantFrom("ab", "a/b", "#", "$SYS/x", "$share/g/#", "\ufeff", "a\u0000", "x".repeat(60_000));

/** What changes most at the far side. */
const likely: fc.Arbitrary<SnPacket> = fc.oneof(
  fc.record({
    type: fc.constant("connect" as const),
    will: flag,
    cleanSession: flag,
    protocolId: fc.constant(1),
    duration: fc.constantFrom(0, 60, 65_535),
    clientId: fc.constantFrom("one", "two", "\ufeff", "three"),
  }),
  fc.record({
    type: fc.constantFrom("willtopic" as const, "willtopicupd" as const),
    will: fc.record({ topic: name, qos, retain: flag }),
  }),
  fc.record({
    type: fc.constantFrom("willmsg" as const, "willmsgupd" as const),
    message: fc.constantFrom(new Uint8Array(0), new Uint8Array(60_000)),
  }),
  fc.record({
    type: fc.constant("subscribe" as const),
    dup: flag,
    qos,
    topic: fc.record({ kind: fc.constant("normal" as const), name }),
    messageId: fc.nat(9),
  }),
  fc.record({ type: fc.constant("register" as const), topicId: fc.constant(0), messageId: fc.nat(9), topicName: name }),
  fc.record({
    type: fc.constant("publish" as const),
    dup: flag,
    retain: flag,
    qos: fc.constantFrom(-1 as const, 0 as const, 1 as const, 2 as const),
    topic: fc.record({ kind: fc.constant("normal" as const), id: fc.integer({ min: 1, max: 4 }) }),
    messageId: fc.nat(9),
    data: fc.constantFrom(new Uint8Array(1), new Uint8Array(60_000)),
  }),
);

const datagram = fc.record({
  packet: fc.oneof({ arbitrary: likely, weight: 4 }, { arbitrary: anyPacket, weight: 1 }),
  encapsulation: fc.option(anyEncapsulation, { nil: undefined, freq: 9 }),
  damage: fc.option(fc.record({ at: fc.nat(40), octet: fc.nat(255) }), { nil: undefined, freq: 8 }),
  device: fc.nat(3),
});

test.each(["transparent", "aggregating"])("a gateway that is %s outlives arbitrary datagrams", async (mode) => {
  const sources = `[[source]]\nid = "sn"\nkind = "mqtt-sn"\nlisten = "127.0.0.1:0"\nmode = "${mode}"`;
  const bench = await GatewayBench.start({ sources });
  await bench.until(() => bench.gateway.status.uplink.connected && bench.source("sn").state === "up");
  const devices = await Promise.all(Array.from({ length: 4 }, () => SnDevice.at(bench.url("sn"))));
  const honest = await SnDevice.at(bench.url("sn"));
  expect(await honest.connect({ clientId: "honest" })).toBe("connack 0");
  const isAnswered = async (): Promise<void> => {
    const before = honest.heard.length;
    const ask = (): void => honest.send({ type: "register", topicId: 0, messageId: 77, topicName: "fresh" });
    const again = setInterval(ask, RETRY);
    ask();
    await bench.until(() => honest.heard.length > before);
    clearInterval(again);
    expect(honest.heard.at(-1)).toBe("regack 1 #77 0");
  };
  await fc.assert(
    fc.asyncProperty(fc.array(datagram, { minLength: 10, maxLength: 40 }), async (datagrams) => {
      for (const { packet, encapsulation, damage, device } of datagrams) {
        if (packet.type === "connect" && packet.clientId === "honest") continue;
        const bytes = encodeFrame(packet, encapsulation);
        if (damage !== undefined) bytes[damage.at % bytes.length] = damage.octet;
        devices[device]?.write(bytes);
      }
      await isAnswered();
    }),
    { numRuns: Number(process.env["HOSTILE_RUNS"] ?? 30), endOnFailure: true },
  );
  const { clients = {} } = bench.source("sn").sn ?? {};
  expect(Object.values(clients).reduce((sum, count) => sum + count)).toBeLessThanOrEqual(1_000);
  expect(bench.log.filter((line) => line.includes("a request of an MQTT-SN client failed"))).toEqual([]);
  await isAnswered();
});
