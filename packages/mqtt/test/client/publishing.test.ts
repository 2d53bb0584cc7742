import type { Platform } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { clockKinds } from "../testing/clock-kinds.ts";
import { Bench, watch } from "./bench.ts";

describe.each(clockKinds)("on a clock of the kind %s:", (_, kind) => {
  const versions = [3, 4, 5] as const;

  describe.each(versions)("publishing on version %i", (protocolVersion) => {
    test("at QoS 0 settles when it is with the transport", async () => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online({ protocolVersion });
      const outcome = watch(client.publish("a/b", "text", { retain: true }));
      await bench.clock.tick();
      expect(outcome.value).toEqual({ qos: 0, reasonCode: 0, properties: undefined });
      expect(await peer.expect("publish")).toMatchObject({ topic: "a/b", qos: 0, retain: true, dup: false });
      expect(client.statistics).toMatchObject({ messagesPublished: 1, pendingPublishes: 0 });
    });

    test("at QoS 1 settles at PUBACK", async () => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online({ protocolVersion });
      const outcome = watch(client.publish("a", Uint8Array.of(1, 2), { qos: 1 }));
      const { packetIdentifier, payload } = await peer.expect("publish");
      expect([packetIdentifier, ...payload]).toEqual([1, 1, 2]);
      await bench.clock.advance(60_000);
      expect(outcome.settled).toBe(0);
      expect(client.statistics.pendingPublishes).toBe(1);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await bench.clock.tick();
      expect(outcome).toMatchObject({ settled: 1, value: { qos: 1, reasonCode: 0 } });
    });

    test("at QoS 2 settles at PUBCOMP", async () => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online({ protocolVersion });
      const outcome = watch(client.publish("a", "b", { qos: 2 }));
      const { packetIdentifier } = await peer.expect("publish");
      peer.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
      expect(await peer.expect("pubrel")).toMatchObject({ packetIdentifier });
      expect(outcome.settled).toBe(0);
      peer.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
      await bench.clock.tick();
      expect(outcome).toMatchObject({ settled: 1, value: { qos: 2, reasonCode: 0 } });
    });

    test("many of one tick leave in their order, identifiers ascending", async () => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online({ protocolVersion });
      for (let i = 0; i < 20; i++) watch(client.publish("a", String(i), { qos: i % 2 === 0 ? 1 : 2 }));
      for (let i = 0; i < 20; i++) {
        const packet = await peer.expect("publish");
        expect([new TextDecoder().decode(packet.payload), packet.packetIdentifier]).toEqual([String(i), i + 1]);
      }
    });
  });

  test.each([100, 40_000])(
    "bytes may be written to again once QoS 0 has settled, though the network has them still: %i",
    async (length) => {
      const bench = Bench.on(kind);
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
    test("a reason code and properties of the acknowledgement", async () => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online();
      const one = watch(client.publish("a", "", { qos: 1 }));
      peer.send({ type: "puback", packetIdentifier: 1, reasonCode: 0x10, properties: { reasonString: "nobody" } });
      await bench.clock.tick();
      expect(one.value).toEqual({ qos: 1, reasonCode: 0x10, properties: { reasonString: "nobody" } });
    });

    test.each([
      ["puback", 1],
      ["pubrec", 2],
    ] as const)("a refusal by %s", async (type, qos) => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online();
      const outcome = watch(client.publish("a", "", { qos }));
      await peer.expect("publish");
      peer.send({ type, packetIdentifier: 1, reasonCode: 0x87, properties: { reasonString: "not yours" } });
      await bench.clock.tick();
      expect(outcome.error).toMatchObject({
        name: "RefusedError",
        code: "PUBLISH_REFUSED",
        reasonCode: 0x87,
        reasonString: "not yours",
        message: /"a".*Not authorized/,
      });
      await peer.expectNothing();
    });

    test("properties of the message, which older versions leave out", async () => {
      const properties = { contentType: "text/plain", userProperties: [["a", "b"]] } as const;
      for (const [protocolVersion, expected] of [
        [5, properties],
        [4, undefined],
      ] as const) {
        const bench = Bench.on(kind);
        const { client, peer } = await bench.online({ protocolVersion });
        watch(client.publish("a", "b", { properties }));
        expect((await peer.expect("publish")).properties).toEqual(expected);
      }
    });
  });

  test("the bytes are the minimal ones", async () => {
    const bench = Bench.on(kind);
    const { client, peer } = await bench.online({ protocolVersion: 4 });
    const before = peer.bytes.length;
    watch(client.publish("a", "b", { qos: 2 }));
    peer.send({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
    await bench.clock.tick();
    expect([...peer.bytes.subarray(before)]).toEqual([0x34, 6, 0, 1, 0x61, 0, 1, 0x62, 0x62, 2, 0, 1]);
  });

  describe("a call that is wrong is rejected, not thrown, and nothing is sent", () => {
    test.each([
      ["a/+", "", {}, "TOPIC_NAME_INVALID"],
      ["a\0b", "", {}, "TOPIC_NAME_INVALID"],
      ["", "", {}, "TOPIC_NAME_INVALID"],
      ["a", "\udc00", {}, "PAYLOAD_INVALID"],
      ["a", 5, {}, "PAYLOAD_INVALID"],
      ["a", "b", { qos: 3 }, "OPTION_INVALID"],
      ["a", "b", { retain: "false" }, "OPTION_INVALID"],
      ["a", "b", { qos: 1, retain: 1 }, "OPTION_INVALID"],
      ["a", "b", { signal: AbortSignal.abort() }, "ABORTED"],
    ])("%j %j %o", async (topic, payload, options, code) => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online();
      const outcome = watch(client.publish(topic, payload as string, options as object));
      await bench.clock.tick();
      expect(outcome.error).toMatchObject({ name: "UsageError", code });
      await peer.expectNothing();
    });

    test("a property that does not belong there", async () => {
      const bench = Bench.on(kind);
      const { client, peer } = await bench.online();
      const wrong = { sessionExpiryInterval: 5 } as object;
      const outcome = watch(client.publish("a", "b", { qos: 1, properties: wrong }));
      await bench.clock.tick();
      expect(outcome.error).toMatchObject({ name: "UsageError", code: "PROPERTY_INVALID" });
      await peer.expectNothing();
      watch(client.publish("a", "b", { qos: 1 }));
      expect(await peer.expect("publish")).toMatchObject({ packetIdentifier: 1 });
    });

    test.each([{ topicAlias: 1 }, { subscriptionIdentifiers: [1] }])(
      "a property that is not the application's: %o",
      async (properties) => {
        const bench = Bench.on(kind);
        const { client, peer } = await bench.online();
        const outcome = watch(client.publish("a", "b", { qos: 1, properties }));
        await peer.expectNothing();
        expect(outcome.error).toMatchObject({ name: "UsageError", code: "PROPERTY_INVALID" });
      },
    );

    test("such a property offline harms neither the connection nor the next message", async () => {
      const bench = Bench.on(kind);
      const client = bench.create();
      const wrong = { sessionExpiryInterval: 5 } as object;
      const bad = watch(client.publish("a", "b", { qos: 1, properties: wrong }));
      const good = watch(client.publish("a", "c", { qos: 1 }));
      const connecting = watch(client.connect());
      const peer = await bench.accept();
      const { packetIdentifier } = await peer.expect("publish");
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await bench.clock.tick();
      expect(connecting.value).toMatchObject({ protocolVersion: 5 });
      expect(bad.error).toMatchObject({ code: "PROPERTY_INVALID" });
      expect(good.value).toMatchObject({ reasonCode: 0 });
    });
  });

  test("a payload of a megabyte arrives whole", async () => {
    const bench = Bench.on(kind);
    const { client, peer } = await bench.online();
    const payload = new Uint8Array(2 ** 20).map((_, i) => i * 7);
    const outcome = watch(client.publish("big", payload));
    await bench.clock.tick();
    expect(outcome.settled).toBe(1);
    expect(Buffer.compare((await peer.expect("publish")).payload, payload)).toBe(0);
  });

  test("a QoS 0 message that the transport had not taken when the connection went says so", async () => {
    const bench = Bench.on(kind);
    const { client, peer } = await bench.online();
    peer.cut();
    const outcome = watch(client.publish("a", "b"));
    await bench.clock.tick();
    if (outcome.error !== undefined) expect(outcome.error).toMatchObject({ code: "CONNECTION_LOST" });
    expect(outcome.settled).toBe(1);
  });

  test("an acknowledgement for a message that nobody sent is ignored", async () => {
    const bench = Bench.on(kind);
    const { client, peer } = await bench.online();
    peer.send(encode({ type: "puback", packetIdentifier: 9, reasonCode: 0 }, 5));
    peer.send(encode({ type: "pubcomp", packetIdentifier: 9, reasonCode: 0 }, 5));
    await peer.expectNothing();
    expect(client.connected).toBe(true);
  });
});
