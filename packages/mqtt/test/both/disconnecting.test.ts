import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench, drained, sendsBeforeLeaving, versions }) => {
  describe("disconnect", () => {
    test("sends DISCONNECT, closes, and emits an event", async () => {
      const { bench, client, peer, events } = await createBench().online();
      const done = bench.passing(client.disconnect());
      await peer.expect("disconnect");
      await peer.expectClose();
      await done;
      expect(events).toEqual([{ name: "closed", value: { error: undefined } }]);
      expect(client.connected).toBe(false);
      expect(bench.clock.nextTimer).toBe(Infinity);
      expect(bench.dialled).toHaveLength(1);
    });

    test("drains first, and accepts no new messages meanwhile", async () => {
      const { bench, client, peer } = await createBench().online();
      const outcomes = ([0, 1, 2] as const).map((qos) => watch(client.publish("a", "1", { qos })));
      const done = watch(client.disconnect());
      for (const late of [
        watch(client.publish("a", "2")),
        watch(client.subscribe("a")),
        watch(client.unsubscribe("a")),
        watch(client.connect()),
      ]) {
        await bench.clock.tick();
        expect(late.error).toMatchObject({ name: "ClosedError", code: "CLIENT_CLOSED" });
      }
      for (let i = 0; i < 3; i++) await peer.expect("publish");
      peer.send({ type: "puback", packetIdentifier: 1, reasonCode: 0 });
      peer.send({ type: "pubrec", packetIdentifier: 2, reasonCode: 0 });
      await peer.expect("pubrel");
      await peer.expectNothing();
      peer.send({ type: "pubcomp", packetIdentifier: 2, reasonCode: 0 });
      await peer.expect("disconnect");
      await bench.clock.advance(100);
      expect(outcomes.map(({ value }) => value?.qos)).toEqual([0, 1, 2]);
      expect(done.settled).toBe(1);
    });

    test("also drains messages that wait for the send quota", async () => {
      const { bench, client, peer } = await createBench().online({}, { properties: { receiveMaximum: 1 } });
      const outcomes = [1, 2].map((i) => watch(client.publish("a", String(i), { qos: 1 })));
      watch(client.disconnect());
      for (let i = 0; i < 2; i++) await bench.answer(peer, "publish");
      await peer.expect("disconnect");
      expect(outcomes.map(({ value }) => value?.qos)).toEqual([1, 1]);
    });

    test.each([
      [undefined, 5_000],
      [300, 300],
    ])("drains no longer than its limit, %s; pending messages fail with the reason", async (drainTimeout, bound) => {
      const { bench, client, peer } = await createBench().online();
      const pending = watch(client.publish("a", "1", { qos: 1 }));
      const done = watch(client.disconnect({ drainTimeout }));
      await peer.expect("publish");
      await bench.clock.advance(bound - 1);
      await peer.expectNothing();
      await bench.clock.advance(1);
      await peer.expect("disconnect");
      await bench.clock.advance(100);
      expect(pending.error).toMatchObject(drained("a", bound));
      expect([done.settled, done.error]).toEqual([1, undefined]);
    });

    test("with drainTimeout 0 does not wait", async () => {
      const { client, peer } = await createBench().online();
      const pending = watch(client.publish("a", "1", { qos: 1 }));
      watch(client.disconnect({ drainTimeout: 0 }));
      await peer.expect("publish");
      await peer.expect("disconnect");
      expect(pending.settled).toBe(1);
    });

    test("while offline does not wait, and settles what is pending", async () => {
      const bench = createBench();
      const client = bench.create();
      const outcomes = [
        watch(client.publish("a", "1", { qos: 1 })),
        watch(client.publish("a", "2")),
        watch(client.subscribe("a")),
        watch(client.unsubscribe("a")),
      ];
      await client.disconnect();
      for (const { error } of outcomes) expect(error).toMatchObject({ name: "ClosedError", code: "CLIENT_CLOSED" });
    });

    test("while connecting ends the attempt", async () => {
      const bench = createBench();
      const client = bench.create();
      const outcome = watch(client.connect());
      const peer = await bench.server.next();
      await peer.expect("connect");
      await bench.passing(client.disconnect());
      expect(outcome.error).toMatchObject({ code: "CLIENT_CLOSED" });
      await peer.expectClose();
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("at the moment an attempt fails ends the attempts", async () => {
      const bench = createBench();
      const client = bench.create({}, ["mqtt://one", "mqtt://two"]);
      const outcome = watch(client.connect());
      const peer = await bench.server.next();
      await peer.expect("connect");
      peer.cut();
      bench.clock.settle(); // the client knows, but no promise callback has run yet
      await client.disconnect();
      await bench.clock.tick();
      expect(outcome.settled).toBe(1);
      expect(bench.dialled).toEqual(["one"]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("called twice acts once: one DISCONNECT, one event", async () => {
      const { bench, client, peer, events } = await createBench().online();
      const both = [watch(client.disconnect()), watch(client.disconnect({ reasonCode: 4 }))];
      await peer.expect("disconnect");
      await peer.expectClose();
      await bench.clock.advance(100);
      await client.disconnect();
      expect(both.map(({ settled }) => settled)).toEqual([1, 1]);
      expect(events).toHaveLength(1);
    });

    test("from a server that the client disconnects because it does not read ends once", async () => {
      const { bench, client, peer, events } = await createBench().online({ reconnect: false });
      peer.pause();
      for (let i = 0; i < 20; i++) watch(client.publish("a", new Uint8Array(60_000)));
      await bench.clock.tick();
      // SUBSCRIBE packets of 64 KiB: all of the 1 MiB that may be unsent.
      for (let i = 0; i < 16; i++) watch(client.subscribe("a".repeat(65_524)));
      expect(client.connected).toBe(true);
      await bench.passing(client.disconnect({ drainTimeout: 0 }));
      expect(events.map(({ name }) => name)).toEqual(["disconnected", "closed"]);
    });

    test("can be called from the listener of `closed` or of `connected`", async () => {
      const bench = createBench();
      const client = bench.create();
      const events = bench.recordEvents(client);
      client.on("connected", () => watch(client.disconnect({ drainTimeout: 0 })));
      client.on("closed", () => watch(client.disconnect()));
      const outcomes = [
        watch(client.connect()),
        watch(client.subscribe("a")),
        watch(client.publish("a", "", { qos: 1 })),
      ];
      const peer = await bench.accept();
      await peer.expect("subscribe");
      if (sendsBeforeLeaving) await peer.expect("publish");
      await peer.expect("disconnect");
      await bench.clock.advance(100);
      expect(outcomes.map(({ settled }) => settled)).toEqual([1, 1, 1]);
      expect(events.map(({ name }) => name)).toEqual(["connected", "closed"]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("ends within the limit if the connection is lost while draining", async () => {
      const { bench, client, peer } = await createBench().online();
      const pending = watch(client.publish("a", "1", { qos: 1 }));
      const done = watch(client.disconnect({ drainTimeout: 2_000 }));
      await peer.expect("publish");
      peer.cut();
      await bench.clock.advance(3_000);
      expect([pending.settled, done.settled]).toEqual([1, 1]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("ends at once if the client stops reconnecting while draining, and is reported once", async () => {
      const { bench, client, peer, events } = await createBench().online({ reconnect: false });
      const pending = watch(client.publish("a", "1", { qos: 1 }));
      const done = watch(client.disconnect());
      await peer.expect("publish");
      peer.cut();
      await bench.clock.tick();
      expect([pending.settled, done.settled]).toEqual([1, 1]);
      await bench.clock.advance(10_000);
      expect(events.map(({ name }) => name)).toEqual(["disconnected", "closed"]);
    });

    test("ends even if the server does not close its side, or does not read", async () => {
      const { bench, client, peer } = await createBench().online();
      peer.pause();
      const done = watch(client.disconnect({ drainTimeout: 100 }));
      await bench.clock.advance(200);
      expect(done.settled).toBe(1);
    });

    test("carries its reason code on MQTT 5", async () => {
      const { client, peer } = await createBench().online();
      watch(client.disconnect({ reasonCode: 4 }));
      expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 4 });
    });

    test.each([1, 3, 0x84, 256, -1])(
      "with reason code %i is rejected, and the client stays connected",
      async (reasonCode) => {
        const { client, peer } = await createBench().online();
        await expect(client.disconnect({ reasonCode })).rejects.toMatchObject({ name: "UsageError" });
        await peer.expectNothing();
        expect(client.connected).toBe(true);
        watch(client.disconnect());
        await peer.expect("disconnect");
      },
    );
  });

  test("await using sends DISCONNECT", async () => {
    const { bench, client, peer } = await createBench().online();
    const block = watch(
      (async () => {
        await using owned = client;
        await owned.publish("a", "b");
      })(),
    );
    await peer.expect("publish");
    await peer.expect("disconnect");
    await bench.clock.advance(100);
    expect(block).toMatchObject({ settled: 1 });
  });

  describe("the end of the session on MQTT 5", () => {
    test("is requested when the session was kept only for reconnecting", async () => {
      const { client, peer } = await createBench().online();
      expect(peer.received[0]).toMatchObject({ cleanStart: false, properties: { sessionExpiryInterval: 3_600 } });
      watch(client.disconnect());
      expect(await peer.expect("disconnect")).toMatchObject({ properties: { sessionExpiryInterval: 0 } });
    });

    test.each([
      [{ cleanStart: false }, 0xffff_ffff],
      [{ properties: { sessionExpiryInterval: 60 } }, 60],
      [{ properties: { sessionExpiryInterval: 0 } }, 0],
    ] as const)("is not requested with %o", async (options, expiry) => {
      const { client, peer } = await createBench().online(options);
      const [hello] = peer.received;
      expect(hello?.type === "connect" && hello.properties?.sessionExpiryInterval).toBe(expiry);
      const before = peer.bytes.length;
      watch(client.disconnect());
      const packet = await peer.expect("disconnect");
      expect([packet.reasonCode, packet.properties?.sessionExpiryInterval]).toEqual([0, undefined]);
      expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 0]);
    });

    test.each(versions.filter((version) => version < 5))(
      "does not exist on version %i: E0 00",
      async (protocolVersion) => {
        const { client, peer } = await createBench().online({ protocolVersion });
        const before = peer.bytes.length;
        watch(client.disconnect());
        await peer.expect("disconnect");
        expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 0]);
      },
    );
  });

  test.each(versions)(
    "afterwards subscriptions are closed and can be ended without an error, on version %i",
    async (protocolVersion) => {
      const { bench, client, peer } = await createBench().online({ protocolVersion });
      const subscribing = client.subscribe("a");
      await bench.answer(peer, "subscribe", 0);
      const subscription = await subscribing;
      await bench.passing(client.disconnect());
      expect(subscription.closed).toBe(true);
      await subscription.unsubscribe();
    },
  );
});
