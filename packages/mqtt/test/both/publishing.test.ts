import type { Platform } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { clockKinds } from "../testing/clock-kinds.ts";
import { clients, message, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench, expectStatistics, versions, words }) => {
  describe.each(clockKinds)("on a clock of the kind %s", (_, kind) => {
    const create = () => createBench(undefined, undefined, kind);
    describe.each(versions)("on version %i", (protocolVersion) => {
      test("at QoS 0 resolves when the transport has taken it", async () => {
        const { bench, client, peer } = await create().online({ protocolVersion });
        const outcome = watch(client.publish("a/b", "text", { retain: true }));
        await bench.clock.tick();
        expect(outcome.value).toEqual({ qos: 0, reasonCode: 0, properties: undefined });
        expect(await peer.expect("publish")).toMatchObject({ topic: "a/b", qos: 0, retain: true, dup: false });
        expectStatistics(client, { messagesPublished: 1, pendingPublishes: 0 });
      });

      test("at QoS 1 resolves at PUBACK", async () => {
        const { bench, client, peer } = await create().online({ protocolVersion });
        const outcome = watch(client.publish("a", Uint8Array.of(1, 2), { qos: 1 }));
        const { packetIdentifier, payload } = await peer.expect("publish");
        expect([packetIdentifier, ...payload]).toEqual([1, 1, 2]);
        await bench.clock.advance(60_000);
        expect(outcome.settled).toBe(0);
        expectStatistics(client, { pendingPublishes: 1 });
        await bench.deliver(peer, { type: "puback", packetIdentifier, reasonCode: 0 });
        expect(outcome).toEqual({ settled: 1, value: { qos: 1, reasonCode: 0, properties: undefined } });
      });

      test("at QoS 2 resolves at PUBCOMP", async () => {
        const { bench, client, peer } = await create().online({ protocolVersion });
        const outcome = watch(client.publish("a", "b", { qos: 2 }));
        const { packetIdentifier } = await peer.expect("publish");
        peer.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
        expect(await peer.expect("pubrel")).toMatchObject({ packetIdentifier });
        expect(outcome.settled).toBe(0);
        await bench.deliver(peer, { type: "pubcomp", packetIdentifier, reasonCode: 0 });
        expect(outcome).toEqual({ settled: 1, value: { qos: 2, reasonCode: 0, properties: undefined } });
      });

      test("many messages of one tick are sent in order, with ascending identifiers", async () => {
        const { client, peer } = await create().online({ protocolVersion });
        for (let i = 0; i < 20; i++) watch(client.publish("a", String(i), { qos: i % 2 === 0 ? 1 : 2 }));
        for (let i = 0; i < 20; i++) {
          const packet = await peer.expect("publish");
          expect([new TextDecoder().decode(packet.payload), packet.packetIdentifier]).toEqual([String(i), i + 1]);
        }
      });
    });

    test("QoS 2 in the bytes of 3.1.1", async () => {
      const { bench, client, peer } = await create().online({ protocolVersion: 4 });
      const before = peer.bytes.length;
      watch(client.publish("a", "b", { qos: 2 }));
      await bench.deliver(peer, { type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
      expect([...peer.bytes.subarray(before)]).toEqual([0x34, 6, 0, 1, 0x61, 0, 1, 0x62, 0x62, 2, 0, 1]);
    });

    test("messages of one tick are sent in the order of the calls, with any QoS", async () => {
      const { client, peer } = await create().online();
      for (let i = 0; i < 30; i++) watch(client.publish("a", String(i), { qos: (i % 3) as 0 | 1 | 2 }));
      for (let i = 0; i < 30; i++) {
        expect(new TextDecoder().decode((await peer.expect("publish")).payload)).toBe(String(i));
      }
    });

    test.each([100, 40_000])(
      "the payload may be changed once QoS 0 has resolved, although the network still has it: %i",
      async (length) => {
        const bench = create();
        const written: Uint8Array[] = [];
        const dial: Platform["dial"] = async (address, signal, options) => {
          const transport = await bench.platform.dial(address, signal, options);
          const { write } = transport;
          return Object.assign(transport, {
            write(bytes: Uint8Array): boolean {
              written.push(bytes); // as a socket does, which sends them later
              return write.call(transport, bytes);
            },
          });
        };
        const { client } = await bench.online({ platform: { ...bench.platform, dial } });
        written.length = 0;
        const payload = new Uint8Array(length).fill(7);
        const outcome = watch(client.publish("a", payload));
        await bench.clock.tick();
        expect(outcome.settled).toBe(1);
        payload.fill(9);
        expect(written.flatMap((bytes) => [...bytes]).filter((byte) => byte === 7)).toHaveLength(length);
      },
    );

    describe("what MQTT 5 adds", () => {
      test.each([
        ["puback", 1],
        ["pubrec", 2],
      ] as const)("the server's answer %s is the outcome", async (type, qos) => {
        const { bench, client, peer } = await create().online();
        const outcome = watch(client.publish("a", "", { qos }));
        await peer.expect("publish");
        peer.send({ type, packetIdentifier: 1, reasonCode: 0x10, properties: { reasonString: "nobody" } });
        await bench.clock.tick();
        if (qos === 2) peer.send({ type: "pubcomp", packetIdentifier: 1, reasonCode: 0x92 });
        await bench.clock.tick();
        const fromPubrec = { qos, reasonCode: 0x10, properties: { reasonString: "nobody" } };
        expect(outcome.value).toEqual(fromPubrec);
      });

      test.each([
        ["puback", 1],
        ["pubrec", 2],
      ] as const)("a refusal by %s, which frees the packet identifier", async (type, qos) => {
        const { client, peer } = await create().online({}, { properties: { receiveMaximum: 1 } });
        const outcome = watch(client.publish("a", "", { qos }));
        await peer.expect("publish");
        peer.send({ type, packetIdentifier: 1, reasonCode: 0x87, properties: { reasonString: "not yours" } });
        await peer.expectNothing();
        expect(outcome.error).toMatchObject({
          name: "RefusedError",
          code: "PUBLISH_REFUSED",
          reasonCode: 0x87,
          reasonString: "not yours",
          message: expect.stringMatching(`"a".*${words(0x87, "Not authorized")}`),
        });
        watch(client.publish("a", "", { qos }));
        await peer.expect("publish");
      });

      test("properties of the message are sent; 3.1.1 leaves them out", async () => {
        const properties = { contentType: "text/plain", userProperties: [["a", "b"]] } as const;
        for (const [protocolVersion, expected] of [
          [5, properties],
          [4, undefined],
        ] as const) {
          const { client, peer } = await create().online({ protocolVersion });
          watch(client.publish("a", "b", { properties }));
          expect((await peer.expect("publish")).properties).toEqual(expected);
        }
      });

      test.each([1, 5, 60, 0xffff_ffff])(
        "messageExpiryInterval %i is sent unchanged, whatever the clock's fractions",
        async (seconds) => {
          const bench = create();
          const origin = bench.clock.now();
          for (const time of [935.839_384_370_091_8, 1323.395_677_644_963, 54_321.098_7, 1_767_225_601_846.493_7]) {
            const now = () => bench.clock.now() - origin + time;
            const schedule = bench.clock.schedule.bind(bench.clock);
            const clock = { now, schedule, defer: bench.clock.defer.bind(bench.clock) };
            const { client, peer } = await bench.online({ platform: { ...bench.platform, clock } });
            watch(client.publish("a", "", { properties: { messageExpiryInterval: seconds } }));
            expect((await peer.expect("publish")).properties).toEqual({ messageExpiryInterval: seconds });
            watch(client.disconnect());
            await bench.clock.tick();
          }
        },
      );
    });

    describe("message expiry", () => {
      test("a message that waited too long is not sent, and its promise reports that", async () => {
        const bench = create();
        const client = bench.create();
        const expired = watch(client.publish("a", "1", { qos: 1, properties: { messageExpiryInterval: 10 } }));
        const alive = watch(client.publish("a", "2", { qos: 1, properties: { messageExpiryInterval: 11 } }));
        await bench.clock.advance(10_000);
        const peer = await bench.connected(client);
        expect(await peer.expect("publish")).toMatchObject({ properties: { messageExpiryInterval: 1 } });
        await peer.expectNothing();
        expect(expired.error).toMatchObject({
          name: "TimeoutError",
          code: "MESSAGE_EXPIRED",
          message: expect.stringMatching(/"a"/),
        });
        expect(alive.settled).toBe(0);
      });

      test.each([0, 1, 2] as const)(
        "the remaining interval is sent, together with other properties, at QoS %i",
        async (qos) => {
          const bench = create();
          const client = bench.create();
          const userProperties = [["k", "v".repeat(200)]] as const;
          const properties = { userProperties, contentType: "x", messageExpiryInterval: 100 };
          watch(client.publish("a/b", "payload", { qos, properties }));
          await bench.clock.advance(29_500);
          const peer = await bench.connected(client);
          expect(await peer.expect("publish")).toMatchObject({
            topic: "a/b",
            payload: new TextEncoder().encode("payload"),
            properties: { userProperties, contentType: "x", messageExpiryInterval: 71 },
          });
        },
      );

      test("the same holds for a resent message, down to 0", async () => {
        const { bench, client, peer } = await create().online({ cleanStart: false });
        watch(client.publish("a", "", { qos: 1, properties: { messageExpiryInterval: 30 } }));
        expect(await peer.expect("publish")).toMatchObject({ properties: { messageExpiryInterval: 30 } });
        await bench.clock.advance(100_000);
        const again = await bench.reconnected(peer, { sessionPresent: true });
        expect(await again.expect("publish")).toMatchObject({ dup: true, properties: { messageExpiryInterval: 0 } });
      });

      test("before MQTT 5 the interval limits only the time in the queue", async () => {
        const bench = create();
        const client = bench.create({ protocolVersion: 4 });
        const expired = watch(client.publish("a", "1", { properties: { messageExpiryInterval: 1 } }));
        watch(client.publish("a", "2", { properties: { messageExpiryInterval: 100 } }));
        await bench.clock.advance(1_000);
        const peer = await bench.connected(client);
        expect(await peer.expect("publish")).toMatchObject(message("a", "2"));
        expect(expired.error).toMatchObject({ code: "MESSAGE_EXPIRED" });
      });
    });

    describe("aborting a publish", () => {
      test("that is queued: the message is never sent", async () => {
        const bench = create();
        const client = bench.create();
        const abort = new AbortController();
        const outcome = watch(client.publish("a", "1", { qos: 1, signal: abort.signal }));
        watch(client.publish("a", "2", { qos: 1 }));
        abort.abort("why");
        await bench.clock.tick();
        expect(outcome.error).toMatchObject({ code: "ABORTED", cause: "why" });
        const peer = await bench.connected(client);
        expect(await peer.expect("publish")).toMatchObject(message("a", "2", 1, 1));
      });

      test("that is in flight rejects only the promise", async () => {
        const { bench, client, peer } = await create().online({ cleanStart: false });
        const abort = new AbortController();
        const outcome = watch(client.publish("a", "1", { qos: 2, signal: abort.signal }));
        await peer.expect("publish");
        abort.abort();
        await bench.clock.tick();
        expect(outcome.error).toMatchObject({ code: "ABORTED" });
        const again = await bench.reconnected(peer, { sessionPresent: true });
        await bench.answer(again, "publish");
        await again.expect("pubrel");
      });

      test("that is in flight does the same if the server has lost the session meanwhile", async () => {
        const { bench, client, peer } = await create().online();
        const abort = new AbortController();
        const outcome = watch(client.publish("a", "1", { qos: 1, signal: abort.signal }));
        await peer.expect("publish");
        abort.abort();
        const again = await bench.reconnected(peer);
        expect(await again.expect("publish")).toMatchObject({ topic: "a", dup: false });
        expect(outcome.error).toMatchObject({ code: "ABORTED" });
      });
    });

    test("a payload of a megabyte arrives whole", async () => {
      const { bench, client, peer } = await create().online();
      const payload = new Uint8Array(2 ** 20).map((_, i) => i * 7);
      const outcome = watch(client.publish("big", payload));
      await bench.clock.tick();
      expect(outcome.settled).toBe(1);
      expect(Buffer.compare((await peer.expect("publish")).payload, payload)).toBe(0);
    });

    test("a QoS 0 message that the transport had not taken when the connection was lost is rejected", async () => {
      const { bench, client } = await create().online();
      const outcome = watch(client.publish("a", "b"));
      bench.server.link.cut();
      await bench.clock.tick();
      if (outcome.error !== undefined) expect(outcome.error).toMatchObject({ code: "CONNECTION_LOST" });
      expect(outcome.settled).toBe(1);
    });

    test("an acknowledgement for an unknown message is ignored", async () => {
      const { client, peer } = await create().online();
      peer.send(encode({ type: "puback", packetIdentifier: 9, reasonCode: 0 }, 5));
      peer.send(encode({ type: "pubcomp", packetIdentifier: 9, reasonCode: 0 }, 5));
      await peer.expectNothing();
      expect(client.connected).toBe(true);
    });

    test("an invalid property offline affects neither the connection nor the next message", async () => {
      const bench = create();
      const client = bench.create();
      const wrong = { sessionExpiryInterval: 5 } as object;
      const bad = watch(client.publish("a", "b", { qos: 1, properties: wrong }));
      const good = watch(client.publish("a", "c", { qos: 1 }));
      const connecting = watch(client.connect());
      const peer = await bench.accept();
      await bench.answer(peer, "publish");
      expect(connecting.value).toMatchObject({ protocolVersion: 5 });
      expect(bad.error).toMatchObject({ code: "PROPERTY_INVALID" });
      expect(good.value).toMatchObject({ reasonCode: 0 });
    });
  });
});
