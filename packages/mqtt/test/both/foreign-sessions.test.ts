// Sessions at the server that belong to another client, CONNECTs that arrive late, and temporary refusals.
import { describe, expect, test } from "vitest";
import { type ClientBench, clients, message, subscribed, watch } from "./clients.ts";

/** Lets an attempt to reconnect end without an answer. */
async function unanswered(bench: ClientBench): Promise<void> {
  const peer = await bench.passing(bench.server.next());
  await peer.expect("connect");
  peer.cut();
}

describe.each(clients)(
  "the $name client",
  ({ createBench, expectStatistics, foreignSessions, tellsTakeOver, versions }) => {
    describe("with cleanStart true on MQTT 5", () => {
      test("the session of an earlier page is ended, and the client starts a new one", async () => {
        const bench = createBench();
        const client = bench.create();
        const events = bench.recordEvents(client);
        const connecting = watch(client.connect());
        const first = await bench.accept({ sessionPresent: true });
        expect(first.received[0]).toMatchObject({ cleanStart: false });
        expect(await first.expect("disconnect")).toMatchObject({
          reasonCode: 0,
          properties: { sessionExpiryInterval: 0 },
        });
        await first.expectClose();
        await bench.accept();
        await bench.clock.tick();
        expect(connecting.value).toMatchObject({ sessionPresent: false });
        expect(events.map(({ name }) => name)).toEqual(["connected"]);
      });

      test("a server that neither ends the session nor closes the connection is asked again, and finally for a clean start", async () => {
        const bench = createBench();
        const client = bench.create();
        const connecting = watch(client.connect());
        for (let i = 0; i < foreignSessions; i++) {
          const peer = await bench.passing(bench.accept({ sessionPresent: true }));
          expect(peer.received[0]).toMatchObject({ type: "connect", cleanStart: false });
        }
        const peer = await bench.passing(bench.accept());
        expect(peer.received[0]).toMatchObject({ type: "connect", cleanStart: true });
        await bench.clock.tick();
        expect(connecting.value).toMatchObject({ sessionPresent: false });
      });

      test("a signal ends the attempt while the session is being ended", async () => {
        const bench = createBench();
        const abort = new AbortController();
        const client = bench.create();
        const connecting = watch(client.connect({ signal: abort.signal }));
        const peer = await bench.accept({ sessionPresent: true });
        await peer.expect("disconnect");
        abort.abort();
        await bench.clock.advance(2_000);
        expect(connecting.error).toMatchObject({ code: "ABORTED" });
        expect(peer.isClosed).toBe(true);
        const { length } = bench.dialled;
        await bench.clock.advance(100_000);
        expect(bench.dialled).toHaveLength(length);
      });

      test("disconnect ends the attempt while the session is being ended", async () => {
        const bench = createBench();
        const client = bench.create();
        const connecting = watch(client.connect());
        const peer = await bench.accept({ sessionPresent: true });
        await peer.expect("disconnect");
        const ended = watch(client.disconnect());
        await bench.clock.advance(2_000);
        expect(connecting.error).toMatchObject({ code: "CLIENT_CLOSED" });
        expect(ended).toMatchObject({ settled: 1 });
        expect(bench.clock.nextTimer).toBe(Infinity);
      });
    });

    describe("after a CONNECT that was not answered", () => {
      test("a resumed session on MQTT 5 is resubscribed, with retained messages for new subscriptions only", async () => {
        const { bench, client, peer } = await createBench().online();
        await subscribed(bench, client, peer, "f", { qos: 1, retainHandling: 0 });
        await subscribed(bench, client, peer, "g", { qos: 1, retainHandling: 2 });
        peer.cut();
        await unanswered(bench);
        const again = await bench.acceptAgain({ sessionPresent: true });
        expect(await again.expect("subscribe")).toMatchObject({
          subscriptions: [{ topicFilter: "f", retainHandling: 1 }],
        });
        expect(await again.expect("subscribe")).toMatchObject({
          subscriptions: [{ topicFilter: "g", retainHandling: 2 }],
        });
      });

      test("a resumed session on 3.1.1 is resubscribed", async () => {
        const { bench, client, peer } = await createBench().online({ protocolVersion: 4, cleanStart: false });
        await subscribed(bench, client, peer, "f", { qos: 1 });
        peer.cut();
        await unanswered(bench);
        const again = await bench.acceptAgain({ sessionPresent: true });
        expect(await again.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "f" }] });
      });

      test("a QoS 2 message that was in flight is resent in the resumed session", async () => {
        const { bench, client, peer } = await createBench().online();
        const published = watch(client.publish("t", "x", { qos: 2 }));
        const { packetIdentifier } = await peer.expect("publish");
        peer.cut();
        await unanswered(bench);
        const again = await bench.acceptAgain({ sessionPresent: true });
        expect(await again.expect("publish")).toMatchObject({ packetIdentifier, dup: true });
        again.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
        await bench.deliver(again, { type: "pubcomp", packetIdentifier, reasonCode: 0 });
        expect(published.value).toMatchObject({ qos: 2 });
      });

      test("a present session that must have expired is not this client's: the client ends it and sends nothing in it", async () => {
        const bench = createBench();
        const reconnect = { initialDelay: 10_000, maximumDelay: 10_000 };
        const { client, peer } = await bench.online({ reconnect }, { properties: { sessionExpiryInterval: 1 } });
        const published = watch(client.publish("t", "x", { qos: 2 }));
        await peer.expect("publish");
        peer.cut();
        await unanswered(bench);
        const foreign = await bench.acceptAgain({ sessionPresent: true });
        expect(await foreign.expect("disconnect")).toMatchObject({ properties: { sessionExpiryInterval: 0 } });
        await bench.passing(bench.accept());
        await bench.clock.tick();
        expect(published.error).toMatchObject({ code: "SESSION_LOST" });
        expect(client.connected).toBe(true);
      });
    });

    test("a subscription that the resumed session most likely has is kept, however often the connection breaks before SUBACK", async () => {
      const { bench, client, peer, events } = await createBench().online();
      const got: string[] = [];
      await subscribed(bench, client, peer, "f", { qos: 1, onMessage: (each) => got.push(each.text()) });
      peer.cut();
      await unanswered(bench);
      for (let i = 0; i < 12; i++) (await bench.acceptAgain({ sessionPresent: true })).cut();
      const last = await bench.acceptAgain({ sessionPresent: true });
      await bench.deliver(last, message("f", "1", 1, 1));
      expect(got).toEqual(["1"]);
      expect(events.filter(({ name }) => name === "error")).toEqual([]);
      expectStatistics(client, { subscriptions: 1 });
    });

    test.each([4, 5] as const)(
      "if every CONNECT was answered, a resumed session is not resubscribed: version %i",
      async (version) => {
        const { bench, client, peer } = await createBench().online({ protocolVersion: version, cleanStart: false });
        await subscribed(bench, client, peer, "f", { qos: 1 });
        const again = await bench.reconnected(peer, { sessionPresent: true });
        await again.expectNothing();
      },
    );

    test("a CONNECT that was left unanswered 930 seconds ago no longer counts", async () => {
      const { bench, client, peer } = await createBench().online();
      await subscribed(bench, client, peer, "f", { qos: 1 });
      peer.cut();
      await unanswered(bench);
      const second = await bench.acceptAgain({ sessionPresent: true });
      await bench.answer(second, "subscribe", 1);
      await bench.clock.advance(930_000);
      expect(client.connected).toBe(true);
      const third = await bench.reconnected(second, { sessionPresent: true });
      await third.expectNothing();
    });

    describe("a takeover (0x8E)", () => {
      test("in the first minute may come from an earlier page's late CONNECT: the client reconnects three times", async () => {
        let { bench, peer, events } = await createBench().online();
        for (let i = 0; i < 3; i++) {
          peer.send({ type: "disconnect", reasonCode: 0x8e });
          peer = await bench.acceptAgain({ sessionPresent: true });
        }
        peer.send({ type: "disconnect", reasonCode: 0x8e });
        await bench.clock.advance(100_000);
        expect(events.at(-1)).toMatchObject({ name: "closed", value: { error: { code: "TAKEN_OVER" } } });
        expect(bench.dialled).toHaveLength(4);
        const taken = events
          .filter(({ name }) => name === "takenOver")
          .map(({ value }) => value as { certain: boolean });
        expect(taken.map(({ certain }) => certain)).toEqual(tellsTakeOver ? [false, false, false, true] : []);
      });

      test("may come from an abandoned CONNECT of the client itself that arrives late: the client reconnects, once for each", async () => {
        const bench = createBench();
        const client = bench.create();
        const first = watch(client.connect());
        await (await bench.server.next()).expect("connect");
        await bench.clock.advance(10_000);
        expect(first.error).toMatchObject({ code: "CONNECT_TIMEOUT" });
        const peer = await bench.connected(client);
        await bench.clock.advance(100_000);
        const events = bench.recordEvents(client);
        peer.send({ type: "disconnect", reasonCode: 0x8e });
        const again = await bench.acceptAgain({ sessionPresent: true });
        again.send({ type: "disconnect", reasonCode: 0x8e });
        await bench.clock.advance(100_000);
        const over = tellsTakeOver ? ["takenOver", "closed"] : ["closed"];
        const names = events.map(({ name }) => name);
        expect(names).toEqual(["disconnected", "reconnecting", "connected", "disconnected", ...over]);
      });
    });

    describe("a server that refuses a client which it accepted before", () => {
      const refusals = [
        [5, 0x86],
        [5, 0x87],
        [5, 0x8a],
        [4, 2],
        [4, 4],
        [4, 5],
        [3, 5],
      ] as const;
      test.each(refusals.filter(([version]) => versions.includes(version)))(
        "is retried slowly, and queued messages and subscriptions are kept: version %i, code %i",
        async (protocolVersion, reasonCode) => {
          const { bench, client, peer, events } = await createBench().online({ protocolVersion });
          const delays: number[] = [];
          client.on("reconnecting", ({ delay }) => delays.push(delay));
          await subscribed(bench, client, peer, "f", { qos: 1 });
          peer.cut();
          await bench.clock.tick();
          const published = watch(client.publish("t", "x", { qos: 1 }));
          for (let i = 0; i < 20; i++) await bench.acceptAgain({ reasonCode });
          expect(delays.slice(1).reduce((sum, each) => sum + each, 0) / 20).toBeGreaterThan(20_000);
          const again = await bench.acceptAgain();
          expect(await again.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "f" }] });
          await bench.answer(again, "publish");
          expect([published.settled, client.connected]).toEqual([1, true]);
          expect(events.map(({ name }) => name)).not.toContain("closed");
        },
      );

      test("is retried no more often than maximumAttempts allows", async () => {
        const { bench, peer, events } = await createBench().online({ reconnect: { maximumAttempts: 3 } });
        peer.cut();
        for (let i = 0; i < 3; i++) await bench.acceptAgain({ reasonCode: 0x87 });
        expect(events.at(-1)).toMatchObject({ name: "closed", value: { error: { code: "CONNECT_REFUSED" } } });
        expect(bench.clock.nextTimer).toBe(Infinity);
      });

      test("is not retried if the refusal is permanent", async () => {
        const { bench, peer, events } = await createBench().online();
        await bench.reconnected(peer, { reasonCode: 0x85 });
        expect(events.at(-1)).toMatchObject({ name: "closed", value: { error: { code: "CONNECT_REFUSED" } } });
      });
    });

    test("a program that was busy after PINGREQ reads the answer before it considers the server dead", async () => {
      const { bench, client, peer } = await createBench().online({ keepAlive: 10 });
      await bench.clock.advance(9_500);
      await peer.expect("pingreq");
      let wasThere = false;
      bench.clock.schedule(5_000, () => {
        peer.send({ type: "pingresp" });
        wasThere = true;
      });
      await bench.clock.advance(5_001);
      expect(wasThere).toBe(true);
      expect(client.connected).toBe(true);
    });
  },
);
