// Every queue and every wait has an end.
import { describe, expect, test } from "vitest";
import { message, recordEvents, SmallBench, subscribed, watch } from "./bench.ts";

describe("the outbox", () => {
  test("holds so many messages; what goes beyond is OUTBOX_FULL, and the others are sent", async () => {
    const bench = new SmallBench();
    const client = bench.create({ outbox: { maximumCount: 2 } });
    const outcomes = [0, 1, 2].map((qos) => watch(client.publish("a", String(qos), { qos: qos as 0 | 1 | 2 })));
    await bench.clock.tick();
    expect(outcomes[2]?.error).toMatchObject({
      name: "OutboxError",
      code: "OUTBOX_FULL",
      message: expect.stringMatching(/"a".*OUTBOX_FULL/),
    });
    watch(client.connect());
    const peer = await bench.accept();
    await peer.expect("publish");
    await peer.expect("publish");
    await peer.expectNothing();
  });

  test("holds so many bytes of packets", async () => {
    const bench = new SmallBench();
    const client = bench.create({ outbox: { maximumBytes: 100 } });
    const outcomes = [40, 40, 40].map((length) => watch(client.publish("a", "x".repeat(length))));
    const small = watch(client.publish("a", ""));
    await bench.clock.tick();
    expect(outcomes.map(({ settled }) => settled)).toEqual([0, 0, 1]);
    expect(outcomes[2]?.error).toMatchObject({ code: "OUTBOX_FULL" });
    expect(small.settled).toBe(0);
  });

  test("counts what waits, and not what is on its way", async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online({ outbox: { maximumCount: 1 } }, { properties: { receiveMaximum: 2 } });
    const outcomes = [1, 2, 3, 4].map((i) => watch(client.publish("a", String(i), { qos: 1 })));
    await peer.expect("publish");
    await peer.expect("publish");
    expect(outcomes.map(({ settled }) => settled)).toEqual([0, 0, 0, 1]);
    expect(outcomes[3]?.error).toMatchObject({ code: "OUTBOX_FULL" });
    peer.send({ type: "puback", packetIdentifier: 1, reasonCode: 0 });
    await peer.expect("publish");
    const next = watch(client.publish("a", "5", { qos: 1 }));
    await bench.clock.tick();
    expect(next.settled).toBe(0);
  });

  test("has its bytes back for what was sent, or sent again", async () => {
    const bench = new SmallBench();
    const options = { outbox: { maximumBytes: 100 }, cleanStart: false };
    const { client, peer: first } = await bench.online(options);
    let peer = first;
    for (let i = 0; i < 5; i++) {
      peer.cut();
      await bench.clock.tick();
      const outcome = watch(client.publish("a", "x".repeat(60), { qos: 1 }));
      for (let loss = 0; loss < 3; loss++) {
        peer = await bench.acceptAgain({ sessionPresent: true });
        if (loss < 2) peer.cut();
      }
      const { packetIdentifier } = await peer.expect("publish");
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await bench.clock.tick();
      expect(outcome.value).toMatchObject({ qos: 1 });
    }
  });

  test("takes a message beyond its bytes that can be sent at once", async () => {
    const bench = new SmallBench();
    const { client } = await bench.online({ outbox: { maximumBytes: 10 } });
    const outcome = watch(client.publish("a", "x".repeat(1_000)));
    await bench.clock.tick();
    expect(outcome.value).toMatchObject({ qos: 0 });
  });
});

describe("a server that keeps the connection alive and leaves something unanswered", () => {
  /** Milliseconds for which it is waited for, and between looks at that. */
  const PATIENCE = 300_000;
  const LOOK = 60_000;

  test.each(["publish", "subscribe", "unsubscribe"] as const)(
    "a %s: the connection is given up, and it is asked again",
    async (what) => {
      const bench = new SmallBench();
      const { client, peer } = await bench.online({ cleanStart: false });
      const events = recordEvents(client);
      const outcome = watch<unknown>(what === "publish" ? client.publish("a", "", { qos: 1 }) : client[what]("a"));
      await peer.expect(what);
      await bench.clock.advance(PATIENCE - 1);
      expect(events).toEqual([]);
      await bench.clock.advance(1);
      expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { code: "ANSWER_TIMEOUT" } } });
      const again = await bench.acceptAgain({ sessionPresent: true });
      await again.expect(what);
      await bench.clock.advance(1_000);
      expect(client.connected).toBe(true); // it has as long as the first
      expect(outcome.settled).toBe(0);
    },
  );

  test("a message, though it answers one request after the other", async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online({ cleanStart: false });
    const events = recordEvents(client);
    watch(client.publish("a", "", { qos: 1 }));
    await peer.expect("publish");
    let last = 0;
    for (let i = 0; i < 8; i++) {
      watch(client.unsubscribe(`f${i}`));
      const { packetIdentifier } = await peer.expect("unsubscribe");
      if (last > 0) peer.send({ type: "unsuback", packetIdentifier: last, reasonCodes: [0] });
      last = packetIdentifier;
      await bench.clock.advance(45_000);
      if (events.length > 0) break;
    }
    expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { code: "ANSWER_TIMEOUT" } } });
  });

  test("a message's time begins when it is sent, and not when it begins to wait for that", async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online({}, { properties: { receiveMaximum: 1 } });
    for (let i = 0; i < 3; i++) watch(client.publish("a", "", { qos: 1 }));
    for (let i = 0; i < 3; i++) {
      const { packetIdentifier } = await peer.expect("publish");
      await bench.clock.advance(PATIENCE - LOOK);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    expect(client.connected).toBe(true);
  });

  test("time that passes without a connection does not count", async () => {
    const bench = new SmallBench();
    const client = bench.create();
    watch(client.subscribe("a"));
    watch(client.publish("a", "", { qos: 1 }));
    await bench.clock.advance(10 * PATIENCE);
    watch(client.connect());
    const peer = await bench.accept();
    await peer.expect("subscribe");
    await peer.expect("publish");
    await bench.clock.advance(PATIENCE - 1);
    expect(client.connected).toBe(true);
  });
});

describe("a request after which each connection is lost", () => {
  test.each([
    ["subscribe", "SUBSCRIBE_UNANSWERED"],
    ["unsubscribe", "UNSUBSCRIBE_UNANSWERED"],
  ] as const)("%s is given up after ten", async (what, code) => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online();
    const outcome = watch<unknown>(client[what]("poison"));
    let current = peer;
    for (let i = 0; i < 10; i++) {
      expect(outcome.settled).toBe(0);
      await current.expect(what);
      current.cut();
      current = await bench.acceptAgain();
    }
    expect(outcome.error).toMatchObject({
      name: "TransportError",
      code,
      message: expect.stringMatching(`"poison".* ${code}`),
    });
    await current.expectNothing();
  });

  test("attempts that come to nothing do not count", async () => {
    const bench = new SmallBench((attempt) => ({ refused: attempt > 0 && attempt < 20 }));
    const { client, peer } = await bench.online();
    const outcome = watch(client.subscribe("a"));
    await peer.expect("subscribe");
    peer.cut();
    const again = await bench.acceptAgain();
    await again.expect("subscribe");
    expect(outcome.settled).toBe(0);
  });
});

test("a server that sends and does not read is given up when a megabyte of answers waits", async () => {
  const bench = new SmallBench();
  const { client, peer } = await bench.online({ keepAlive: 0 });
  const events = recordEvents(client);
  await subscribed(bench, client, peer, "a", { onMessage: () => undefined });
  peer.pause();
  for (let i = 0; i < 1_000_000 && events.length === 0; i++) {
    peer.send(message("a", "", 1, 1 + (i % 65_535)));
    if (i % 500 === 0) await bench.clock.tick();
  }
  expect(events[0]).toMatchObject({
    name: "disconnected",
    value: { error: { code: "CONNECTION_LOST", message: "congested" } },
  });
});

test("a packet longer than maximumPacketSize is refused before it has come", async () => {
  const bench = new SmallBench();
  const { peer } = await bench.online({ properties: { maximumPacketSize: 1_000 } });
  peer.send(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x95 });
});
