import { describe, expect, test } from "vitest";
import { Bench, recordEvents, watch } from "./bench.ts";

describe("disconnect", () => {
  test("says DISCONNECT, closes, and is an event", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    const done = bench.passing(client.disconnect());
    await peer.expect("disconnect");
    await peer.expectClose();
    await done;
    expect(events).toEqual([{ name: "closed", value: { error: undefined } }]);
    expect(client.connected).toBe(false);
    expect(bench.clock.nextTimer).toBe(Infinity);
    expect(bench.dialled).toHaveLength(1);
  });

  test("drains first", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const one = watch(client.publish("a", "1", { qos: 1 }));
    const two = watch(client.publish("a", "2", { qos: 2 }));
    const done = watch(client.disconnect());
    await peer.expect("publish");
    await peer.expect("publish");
    peer.send({ type: "puback", packetIdentifier: 1, reasonCode: 0 });
    peer.send({ type: "pubrec", packetIdentifier: 2, reasonCode: 0 });
    await peer.expect("pubrel");
    await peer.expectNothing();
    peer.send({ type: "pubcomp", packetIdentifier: 2, reasonCode: 0 });
    await peer.expect("disconnect");
    await bench.clock.advance(100);
    expect([one.value?.qos, two.value?.qos, done.settled]).toEqual([1, 2, 1]);
  });

  test("and takes nothing new meanwhile", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    watch(client.publish("a", "1", { qos: 1 }));
    watch(client.disconnect());
    for (const late of [
      watch(client.publish("a", "2")),
      watch(client.subscribe("a")),
      watch(client.unsubscribe("a")),
      watch(client.connect()),
    ]) {
      await bench.clock.tick();
      expect(late.error).toMatchObject({ name: "UsageError", code: "CLIENT_CLOSED" });
    }
    expect(peer.received.filter(({ type }) => type === "publish")).toHaveLength(1);
  });

  test("drains no longer than its bound; what is left says so", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const pending = watch(client.publish("a", "1", { qos: 1 }));
    const done = watch(client.disconnect({ drainTimeout: 300 }));
    await peer.expect("publish");
    await bench.clock.advance(299);
    await peer.expectNothing();
    await bench.clock.advance(1);
    await peer.expect("disconnect");
    await bench.clock.advance(100);
    expect(pending.error).toMatchObject({ name: "TimeoutError", code: "DRAIN_TIMEOUT", message: /"a".*300 ms/ });
    expect(done).toMatchObject({ settled: 1 });
    expect(done.error).toBeUndefined();
  });

  test("with drainTimeout 0 does not wait", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const pending = watch(client.publish("a", "1", { qos: 1 }));
    watch(client.disconnect({ drainTimeout: 0 }));
    await peer.expect("publish");
    await peer.expect("disconnect");
    expect(pending.settled).toBe(1);
  });

  test("offline does not wait, and settles what is pending", async () => {
    const bench = new Bench();
    const client = bench.create();
    const outcomes = [
      watch(client.publish("a", "1", { qos: 1 })),
      watch(client.publish("a", "2")),
      watch(client.subscribe("a")),
    ];
    await client.disconnect();
    for (const { error } of outcomes) expect(error).toMatchObject({ code: "CLIENT_CLOSED" });
  });

  test("twice is once", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    expect(client.disconnect()).toBe(client.disconnect());
    await peer.expect("disconnect");
    await peer.expectClose();
  });

  test("of a connection that goes while draining ends within the bound", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const pending = watch(client.publish("a", "1", { qos: 1 }));
    const done = watch(client.disconnect({ drainTimeout: 2_000 }));
    await peer.expect("publish");
    peer.cut();
    await bench.clock.advance(3_000);
    expect([pending.settled, done.settled]).toEqual([1, 1]);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("of a server that does not close its side ends all the same", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    peer.pause();
    const done = watch(client.disconnect());
    await bench.clock.advance(1_000);
    expect(done.settled).toBe(1);
  });

  test("carries reason code and properties on MQTT 5", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ properties: { sessionExpiryInterval: 5 } });
    watch(client.disconnect({ reasonCode: 4, properties: { reasonString: "bye" } }));
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 4, properties: { reasonString: "bye" } });
  });

  test("that cannot be sent as asked is an error, and the client stays", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    await expect(client.disconnect({ reasonCode: 1 })).rejects.toMatchObject({ name: "UsageError" });
    await expect(client.disconnect({ properties: { topicAlias: 1 } as object })).rejects.toMatchObject({
      code: "PROPERTY_INVALID",
    });
    await peer.expectNothing();
    expect(client.connected).toBe(true);
    watch(client.disconnect());
    await peer.expect("disconnect");
  });
});

test("await using says goodbye", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
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

describe("the session's end on MQTT 5", () => {
  test("is asked for when it was only meant for reconnecting", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    expect(peer.received[0]).toMatchObject({ cleanStart: false, properties: { sessionExpiryInterval: 3_600 } });
    watch(client.disconnect());
    expect(await peer.expect("disconnect")).toMatchObject({ properties: { sessionExpiryInterval: 0 } });
  });

  test.each([
    [{ cleanStart: false }, 0xffff_ffff],
    [{ properties: { sessionExpiryInterval: 60 } }, 60],
    [{ reconnect: false }, undefined],
    [{ properties: { sessionExpiryInterval: 0 } }, 0],
  ] as const)("is not with %o, and DISCONNECT is E0 00", async (options, expiry) => {
    const bench = new Bench();
    const { client, peer } = await bench.online(options);
    const connect = peer.received[0];
    expect(connect?.type === "connect" && connect.properties?.sessionExpiryInterval).toBe(expiry);
    const before = peer.bytes.length;
    watch(client.disconnect());
    await peer.expect("disconnect");
    expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 0]);
  });

  test.each([3, 4] as const)("version %i says E0 00", async (protocolVersion) => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ protocolVersion });
    const before = peer.bytes.length;
    watch(client.disconnect());
    await peer.expect("disconnect");
    expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 0]);
  });
});
