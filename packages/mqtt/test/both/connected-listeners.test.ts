// Messages that the application publishes in a listener of `connected`.
import { describe, expect, test } from "vitest";
import { clients, type Outcome, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench, droppingOffline, versions }) => {
  describe.each(versions)("on version %i", (protocolVersion) => {
    test.each([0, 1, 2] as const)(
      "sends a QoS %i message that a `connected` listener publishes, also if QoS 0 messages are dropped while offline",
      async (qos) => {
        const bench = createBench();
        const client = bench.create({ protocolVersion, cleanStart: protocolVersion !== 4, ...droppingOffline });
        const outcomes: Outcome<unknown>[] = [];
        client.on("connected", () => outcomes.push(watch(client.publish("hello", "", { qos }))));
        let peer = await bench.connected(client);
        for (let connections = 1; connections <= 3; connections++) {
          await bench.clock.tick();
          expect(peer.received.at(-1)).toMatchObject({ type: "publish", topic: "hello", qos });
          await bench.answer(peer, "publish");
          if (qos === 2) await bench.answer(peer, "pubrel");
          expect(outcomes).toHaveLength(connections);
          expect(outcomes.at(-1)?.value).toMatchObject({ qos });
          if (connections < 3) peer = await bench.reconnected(peer, { sessionPresent: connections === 1 });
        }
      },
    );

    test("sends messages of a `connected` listener after those of earlier connections", async () => {
      const { bench, client, peer } = await createBench().online({ protocolVersion, ...droppingOffline });
      watch(client.publish("unacknowledged", "", { qos: 1 }));
      await peer.expect("publish");
      client.on("connected", () => watch(client.publish("hello", "")));
      const next = await bench.reconnected(peer);
      await bench.clock.tick();
      const topics = next.received.flatMap((packet) => (packet.type === "publish" ? packet.topic : []));
      expect(topics).toEqual(["unacknowledged", "hello"]);
    });
  });
});
