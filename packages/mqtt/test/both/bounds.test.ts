// Every queue and every wait has a limit.
import { describe, expect, test } from "vitest";
import { clients, message, subscribed, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ name, createBench, expectStatistics, patience, timesMessages }) => {
  describe("the outbox", () => {
    test("messages of every QoS wait and are sent in order", async () => {
      const bench = createBench();
      const client = bench.create();
      const outcomes = Array.from({ length: 9 }, (_, i) =>
        watch(client.publish("t", String(i), { qos: (i % 3) as 0 | 1 | 2 })),
      );
      await bench.clock.advance(100);
      expect(outcomes.map(({ settled }) => settled)).toEqual(Array(9).fill(0));
      expectStatistics(client, { messagesPublished: 9, pendingPublishes: 9 });
      const peer = await bench.connected(client);
      for (let i = 0; i < 9; i++) {
        const { payload, qos } = await peer.expect("publish");
        expect([new TextDecoder().decode(payload), qos]).toEqual([String(i), i % 3]);
      }
    });

    test("the number of messages is limited; further ones fail with OUTBOX_FULL, and the others are sent", async () => {
      const bench = createBench();
      const client = bench.create({ outbox: { maximumCount: 2 } });
      const outcomes = ([0, 1, 2] as const).map((qos) => watch(client.publish("a", String(qos), { qos })));
      await bench.clock.tick();
      expect(outcomes[2]?.error).toMatchObject({
        name: "OutboxError",
        code: "OUTBOX_FULL",
        message: expect.stringContaining(name === "whole" ? "2 messages" : "OUTBOX_FULL"),
      });
      const peer = await bench.connected(client);
      await peer.expect("publish");
      await bench.answer(peer, "publish");
      await peer.expectNothing();
      watch(client.publish("a", "there is room again", { qos: 1 }));
      await peer.expect("publish");
    });

    test("the number of bytes is limited", async () => {
      const bench = createBench();
      const client = bench.create({ outbox: { maximumBytes: 100 } });
      const outcomes = [40, 40, 40].map((length) => watch(client.publish("a", "x".repeat(length))));
      const small = watch(client.publish("a", ""));
      await bench.clock.tick();
      expect(outcomes.map(({ settled }) => settled)).toEqual([0, 0, 1]);
      const message = expect.stringContaining(name === "whole" ? "100 bytes" : "OUTBOX_FULL");
      expect(outcomes[2]?.error).toMatchObject({ code: "OUTBOX_FULL", message });
      expect(small.settled).toBe(0);
    });

    test("queued messages count, messages in flight do not", async () => {
      const { bench, client, peer } = await createBench().online(
        { outbox: { maximumCount: 1 } },
        { properties: { receiveMaximum: 2 } },
      );
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

    test("the bytes of messages that were sent or resent are freed", async () => {
      const bench = createBench();
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
        await bench.answer(peer, "publish");
        expect(outcome.value).toMatchObject({ qos: 1 });
      }
    });

    test("a message above the byte limit is taken if it can be sent at once", async () => {
      const { bench, client } = await createBench().online({ outbox: { maximumBytes: 10 } });
      const outcome = watch(client.publish("a", "x".repeat(1_000)));
      await bench.clock.tick();
      expect(outcome.value).toMatchObject({ qos: 0 });
    });

    test.each([4, 5] as const)(
      "a message that has expired fails and is not sent, on version %i",
      async (protocolVersion) => {
        const bench = createBench();
        const client = bench.create({ protocolVersion });
        const properties = { messageExpiryInterval: 10 };
        const expired = watch(client.publish("t", "1", { qos: 1, properties }));
        await bench.clock.advance(5_000);
        watch(client.publish("t", "2", { qos: 1, properties }));
        await bench.clock.advance(5_000);
        const peer = await bench.connected(client);
        const sent = await peer.expect("publish");
        expect(expired.error).toMatchObject({
          name: "TimeoutError",
          code: "MESSAGE_EXPIRED",
          message: expect.stringMatching(/"t"/),
        });
        expect(new TextDecoder().decode(sent.payload)).toBe("2");
        expect(sent.properties).toEqual(protocolVersion === 5 ? { messageExpiryInterval: 5 } : undefined);
        await peer.expectNothing();
      },
    );

    test("messages that expire while they wait for the send quota fail, and later ones are sent", async () => {
      const { bench, client, peer } = await createBench().online({}, { properties: { receiveMaximum: 1 } });
      const properties = { messageExpiryInterval: 1 };
      watch(client.publish("a", "", { qos: 1 }));
      const early = watch(client.publish("early", "", { qos: 1, properties }));
      await bench.clock.advance(100);
      const late = watch(client.publish("late", "", { qos: 1, properties }));
      watch(client.publish("lasting", "", { qos: 1 }));
      await bench.clock.advance(1_400);
      await bench.answer(peer, "publish");
      expect(await peer.expect("publish")).toMatchObject({ topic: "lasting" });
      expect([early.error, late.error]).toMatchObject([{ code: "MESSAGE_EXPIRED" }, { code: "MESSAGE_EXPIRED" }]);
    });
  });

  describe("a server that keeps the connection alive and leaves something unanswered", () => {
    /** Milliseconds: the time limit for an acknowledgement, and the interval of its check. */
    const PATIENCE = 300_000;
    const LOOK = 60_000;

    test.each((["publish", "subscribe", "unsubscribe"] as const).slice(timesMessages ? 0 : 1))(
      "a %s: the client closes the connection and sends it again on the next",
      async (what) => {
        const { bench, client, peer, events } = await createBench().online({ cleanStart: false });
        const outcome = watch<unknown>(what === "publish" ? client.publish("a", "", { qos: 1 }) : client[what]("a"));
        await peer.expect(what);
        const wait = what === "publish" ? PATIENCE : patience;
        await bench.clock.advance(wait - 1);
        expect(events).toEqual([]);
        await bench.clock.advance(1);
        expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { code: "ANSWER_TIMEOUT" } } });
        const again = await bench.acceptAgain({ sessionPresent: true });
        await again.expect(what);
        await bench.clock.advance(1_000);
        expect(client.connected).toBe(true); // it has the same time limit as the first
        expect(outcome.settled).toBe(0);
      },
    );

    if (timesMessages)
      test("a message, even though the server answers requests in sequence", async () => {
        const { bench, client, peer, events } = await createBench().online({ cleanStart: false });
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

    test("the time of a message begins when it is sent, not when it is queued", async () => {
      const { bench, client, peer } = await createBench().online({}, { properties: { receiveMaximum: 1 } });
      for (let i = 0; i < 3; i++) watch(client.publish("a", "", { qos: 1 }));
      for (let i = 0; i < 3; i++) {
        const { packetIdentifier } = await peer.expect("publish");
        await bench.clock.advance(PATIENCE - LOOK);
        peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      }
      expect(client.connected).toBe(true);
    });

    test("the time without a connection does not count", async () => {
      const bench = createBench();
      const client = bench.create();
      watch(client.subscribe("a"));
      watch(client.publish("a", "", { qos: 1 }));
      await bench.clock.advance(10 * PATIENCE);
      const peer = await bench.connected(client);
      await peer.expect("subscribe");
      await peer.expect("publish");
      await bench.clock.advance(Math.min(PATIENCE, patience) - 1);
      expect(client.connected).toBe(true);
    });
  });

  test("a server that sends and does not read is disconnected when a megabyte of answers is unsent", async () => {
    const { bench, client, peer, events } = await createBench().online({ keepAlive: 0 });
    await subscribed(bench, client, peer, "a", { onMessage: () => undefined });
    peer.pause();
    for (let i = 0; i < 1_000_000 && events.length === 0; i++) {
      peer.send(message("a", "", 1, 1 + (i % 65_535)));
      if (i % 500 === 0) await bench.clock.tick();
    }
    expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { code: "CONNECTION_LOST" } } });
  });
});
