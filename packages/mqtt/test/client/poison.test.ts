// Features of the full client beyond the suite of both clients.
import { expect, test } from "vitest";
import { answer, Bench, watch } from "./bench.ts";

test("a connection that breaks twelve times before anything is acknowledged does not fail a message", async () => {
  const { bench, client, peer } = await new Bench().online();
  const outcome = watch(client.publish("a", "", { qos: 1 }));
  let current = peer;
  for (let i = 0; i < 12; i++) {
    await current.expect(i < 8 ? "publish" : "pingreq"); // over which no PINGREQ is answered
    current = await bench.reconnected(current, { sessionPresent: true });
  }
  await bench.answer(current, "pingreq");
  await bench.answer(current, "publish");
  expect(outcome.value).toMatchObject({ qos: 1 });
});

test.each([1, 2] as const)(
  "before MQTT 5, in clean sessions, with sessionLost resend: a QoS %i message that ends each connection fails, and the others are delivered",
  async (qos) => {
    for (const protocolVersion of [3, 4] as const) {
      const bench = new Bench();
      const client = bench.create({ protocolVersion, cleanStart: true, outbox: { sessionLost: "resend" } });
      let peer = await bench.connected(client);
      const [first, poison, last] = ["first", "poison", "last"].map((topic) =>
        watch(client.publish(topic, "", { qos })),
      );
      for (let connections = 1; last?.settled === 0; connections++) {
        expect(connections).toBeLessThan(25);
        for (let at = 1; !peer.isClosed; at++) {
          await bench.clock.tick();
          const batch = peer.received.slice(at);
          if (batch.length === 0) break;
          if (batch.some((packet) => packet.type === "publish" && packet.topic === "poison")) peer.cut();
          else answer(peer, batch[0] as (typeof batch)[0]);
        }
        await bench.clock.tick();
        if (peer.isClosed) peer = await bench.acceptAgain();
      }
      expect([first?.value, last?.value]).toMatchObject([{ qos }, { qos }]);
      expect(poison?.error).toMatchObject({ code: "PUBLISH_UNANSWERED", mayHaveArrived: true });
    }
  },
);

test("queued messages that were never sent are not sent one at a time", async () => {
  const { bench, client, peer } = await new Bench().online();
  watch(client.publish("sent", "", { qos: 1 }));
  let current = peer;
  for (let i = 0; i < 4; i++) {
    await current.expect("publish");
    current.close();
    await bench.clock.tick();
    if (i === 3) for (const topic of ["a", "b"]) watch(client.publish(topic, "", { qos: 1 }));
    current = await bench.acceptAgain();
  }
  await bench.answer(current, "pingreq");
  expect(current.received.flatMap((packet) => (packet.type === "publish" ? packet.topic : []))).toEqual(["sent"]);
  await bench.answer(current, "publish");
  await bench.clock.tick();
  expect(current.received.flatMap((packet) => (packet.type === "publish" ? packet.topic : []))).toEqual([
    "sent",
    "a",
    "b",
  ]);
});
