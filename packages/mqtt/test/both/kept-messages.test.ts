// Messages that a resumed session has kept arrive before the application has subscribed.
import { describe, expect, test } from "vitest";
import { clients, message, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ name, createBench, keptOfMany }) => {
  describe.each([4, 5] as const)("messages of a resumed session, on version %i", (protocolVersion) => {
    async function resumed(sessionPresent = true) {
      const { bench, client, peer } = await createBench().online(
        { protocolVersion, cleanStart: false },
        { sessionPresent },
      );
      return { bench, client, peer, events: bench.recordEvents(client) };
    }

    test("wait for their subscription, unacknowledged and in order", async () => {
      const { bench, client, peer, events } = await resumed();
      peer.send(message("a", "1", 1, 1));
      peer.send(message("b", "2", 2, 2));
      await bench.clock.advance(5_000);
      await peer.expectNothing();
      const got: string[] = [];
      watch(client.subscribe(["a", "b"], { qos: 2, onMessage: (each) => got.push(each.text()) }));
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1 });
      expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 2 });
      expect(got).toEqual(["1", "2"]);
      expect(events).toEqual([]);
    });

    test("wait for the subscription that matches", async () => {
      const { bench, client, peer, events } = await resumed();
      peer.send(message("a", "1", 1, 1));
      watch(client.subscribe("b", { onMessage: () => undefined }));
      await peer.expect("subscribe");
      await peer.expectNothing();
      const got: string[] = [];
      watch(client.subscribe("a", { onMessage: (each) => got.push(each.text()) }));
      await bench.clock.tick();
      expect([got, events]).toEqual([["1"], []]);
    });

    test("wait ten seconds, and are then acknowledged and reported as unclaimed; later ones do not wait", async () => {
      const { bench, peer, events } = await resumed();
      peer.send(message("a", "1", 1, 1));
      await bench.clock.advance(9_999);
      await peer.expectNothing();
      await bench.clock.advance(1);
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1 });
      peer.send(message("b", "2", 2, 2));
      await peer.expect("pubrec");
      expect(events).toMatchObject([
        { name: "unclaimed", value: { topic: "a" } },
        { name: "unclaimed", value: { topic: "b" } },
      ]);
    });

    test("do not wait at QoS 0", async () => {
      const { bench, peer, events } = await resumed();
      await bench.deliver(peer, message("a", "1"));
      expect(events).toMatchObject([{ name: "unclaimed" }]);
    });

    test("do not wait if the server has no session", async () => {
      const { peer } = await resumed(false);
      peer.send(message("a", "1", 1, 1));
      await peer.expect("puback");
    });

    test("are left to the server by disconnect, without an event", async () => {
      const { bench, client, peer, events } = await resumed();
      await bench.deliver(peer, message("a", "1", 1, 1), message("a", "2", 2, 2));
      watch(client.disconnect());
      await peer.expect("disconnect");
      await bench.clock.advance(20_000);
      expect(events.map(({ name }) => name)).toEqual(["closed"]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("are delivered once at QoS 2 if the connection is lost meanwhile", async () => {
      const { bench, client, peer, events } = await resumed();
      await bench.deliver(peer, message("a", "1", 2, 1));
      const again = await bench.reconnected(peer, { sessionPresent: true });
      again.send({ ...message("a", "1", 2, 1), dup: true });
      await again.expectNothing();
      const got: string[] = [];
      watch(client.subscribe("a", { qos: 2, onMessage: (each) => got.push(each.text()) }));
      await again.expect("pubrec");
      expect(got).toEqual(["1"]);
      expect(events.map(({ name }) => name)).not.toContain("unclaimed");
    });

    test("are kept even if there are many", async () => {
      const { bench, client, peer } = await resumed();
      for (let i = 1; i <= 1_200; i++) peer.send(message("a", String(i), 1, i));
      await bench.clock.tick();
      const got: string[] = [];
      watch(client.subscribe("a", { onMessage: (each) => got.push(each.text()) }));
      await bench.clock.advance(1_000);
      expect(got).toHaveLength(keptOfMany);
    });

    test.each([1, 2] as const)(
      "that nobody claimed at QoS %i are resent after a lost connection, and block nothing",
      async (qos) => {
        const { bench, client, peer, events } = await resumed();
        peer.send(message("a", "1", qos, 1));
        await peer.expectNothing();
        const again = await bench.reconnected(peer, { sessionPresent: true });
        again.send({ ...message("a", "1", qos, 1), dup: true });
        const got: string[] = [];
        watch(client.subscribe("a", { qos, onMessage: (each) => got.push(each.text()) }));
        await again.expect("subscribe");
        expect(await again.expect(qos === 1 ? "puback" : "pubrec")).toMatchObject({ packetIdentifier: 1 });
        expect(got).toEqual(qos === 1 && name === "small" ? ["1", "1"] : ["1"]); // at least once
        expect(events.filter(({ name }) => name === "unclaimed")).toEqual([]);
      },
    );
  });
});
