import { describe, expect, test } from "vitest";
import { Bench, message, subscribed, watch } from "./bench.ts";

const inbox = { maximumCount: 4 };

/** Sends messages one by one, each in a chunk of its own. */
async function flood(bench: Bench, peer: { send(packet: ReturnType<typeof message>): void }, count: number) {
  for (let i = 0; i < count; i++) {
    peer.send(message("a", String(i)));
    await bench.clock.tick();
  }
}

describe("past the inbox's bound", () => {
  test("reading stops, and goes on when half of it is done", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ inbox });
    const subscription = await subscribed(bench, client, peer, "a");
    await flood(bench, peer, 20);
    expect(client.statistics.messagesReceived).toBe(5);
    const messages = subscription[Symbol.asyncIterator]();
    const got: string[] = [];
    for (let i = 0; i < 20; i++) {
      got.push((await messages.next()).value?.text() ?? "");
      await bench.clock.tick();
    }
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  });

  test("by bytes as well", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ inbox: { maximumBytes: 6 } }); // a topic and a payload of a byte each
    await subscribed(bench, client, peer, "a");
    await flood(bench, peer, 9);
    expect(client.statistics.messagesReceived).toBe(4);
  });

  test("reading stays stopped on the next connection", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ inbox });
    await subscribed(bench, client, peer, "a");
    await flood(bench, peer, 6);
    bench.server.link.cut();
    const again = await bench.acceptAgain({ sessionPresent: true });
    await flood(bench, again, 20);
    expect(client.statistics.messagesReceived).toBeLessThan(10);
    expect(client.connected).toBe(true);
  });
});

test("while a publish waits, QoS 0 messages beyond twice the bound of a full inbox are dropped, and told", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ inbox: { maximumCount: 3 } });
  await subscribed(bench, client, peer, "a");
  for (let i = 0; i < 5; i++) peer.send(message("a", String(i)));
  await bench.clock.tick();
  const dropped: string[] = [];
  client.on("dropped", (each) => dropped.push(each.text()));
  const publishing = watch(client.publish("b", "", { qos: 1 }));
  const { packetIdentifier } = await peer.expect("publish");
  for (let i = 5; i < 10; i++) peer.send(message("a", String(i)));
  peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  await bench.clock.tick();
  expect(publishing).toMatchObject({ settled: 1 });
  expect(dropped).toEqual(["7", "8", "9"]);
  expect(client.statistics).toMatchObject({ messagesDropped: 3, pendingMessages: 7 });
});
