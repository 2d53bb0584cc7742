// QoS 2 messages that arrived but that no handler got: they must not count as received [MQTT-4.3.3-2].
import { expect, test } from "vitest";
import { Bench, message, watch } from "./bench.ts";

const resumed = { sessionPresent: true };

async function resumedClient() {
  const { bench, client, peer } = await new Bench().online({ protocolVersion: 4, cleanStart: false }, resumed);
  return { bench, client, peer };
}

/** A handler that never returns for its first message, and records its messages. */
function stuckHandler() {
  const got: string[] = [];
  return {
    got,
    onMessage: (each: { text(): string }) => (got.push(each.text()) === 1 ? new Promise(() => {}) : undefined),
  };
}

test("messages for an aborted subscription are resent over the next connection, and then handled", async () => {
  const { bench, client, peer } = await resumedClient();
  const giveUp = new AbortController();
  const { got, onMessage } = stuckHandler();
  const first = watch(client.subscribe("a", { qos: 2, onMessage, signal: giveUp.signal }));
  await peer.expect("subscribe");
  peer.send(message("a", "1", 2, 1));
  peer.send(message("a", "2", 2, 2));
  await peer.expectNothing();
  peer.cut();
  await bench.clock.tick();
  giveUp.abort();
  await bench.clock.tick();
  expect([first.settled, got]).toEqual([1, ["1"]]);

  const again = await bench.acceptAgain(resumed);
  again.send({ ...message("a", "2", 2, 2), dup: true });
  const later: string[] = [];
  const subscribing = watch(client.subscribe("a", { qos: 2, onMessage: (each) => later.push(each.text()) }));
  const { packetIdentifier } = await again.expect("subscribe");
  again.send({ type: "suback", packetIdentifier, reasonCodes: [2] });
  expect(await again.expect("pubrec")).toMatchObject({ packetIdentifier: 2 });
  expect([subscribing.settled, later]).toEqual([1, ["2"]]);
});

test("messages for an aborted subscription go to the next subscription on the same connection", async () => {
  const { bench, client, peer } = await resumedClient();
  const giveUp = new AbortController();
  const { onMessage } = stuckHandler();
  watch(client.subscribe("a", { qos: 2, onMessage, signal: giveUp.signal, handlerTimeout: 2_000 }));
  await peer.expect("subscribe");
  peer.send(message("a", "1", 2, 1));
  peer.send(message("a", "2", 2, 2));
  await peer.expectNothing();
  giveUp.abort();
  await bench.clock.tick();
  const later: string[] = [];
  watch(client.subscribe("a", { qos: 2, onMessage: (each) => later.push(each.text()) }));
  await peer.expect("subscribe");
  await bench.clock.tick();
  expect(later).toEqual(["2"]);
});

test("messages for an aborted subscription that another one has handled are finished", async () => {
  const { client, peer } = await resumedClient();
  const giveUp = new AbortController();
  watch(client.subscribe("a", { qos: 2, signal: giveUp.signal })); // an iterator without calls of next()
  const handled: string[] = [];
  watch(client.subscribe("+", { qos: 2, onMessage: (each) => handled.push(each.text()) }));
  await peer.expect("subscribe");
  await peer.expect("subscribe");
  peer.send(message("a", "1", 2, 1));
  await peer.expectNothing();
  giveUp.abort();
  expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 1 });
  expect(handled).toEqual(["1"]);
});

test("messages that arrived on three connections before their subscription was aborted are handled once, and block nothing", async () => {
  const { bench, client, peer } = await resumedClient();
  const giveUp = new AbortController();
  const { got, onMessage } = stuckHandler();
  watch(client.subscribe("a", { qos: 2, onMessage, signal: giveUp.signal }));
  await peer.expect("subscribe");
  peer.send(message("a", "1", 2, 1));
  peer.send(message("a", "2", 2, 2));
  await peer.expectNothing();
  const second = await bench.reconnected(peer, resumed);
  await second.expect("subscribe");
  second.send({ ...message("a", "2", 2, 2), dup: true });
  await second.expectNothing();
  const third = await bench.reconnected(second, resumed);
  await third.expect("subscribe");
  third.send({ ...message("a", "2", 2, 2), dup: true });
  third.send(message("b", "3", 1, 3));
  await third.expectNothing();
  giveUp.abort();
  const later: string[] = [];
  watch(client.subscribe("+", { qos: 2, onMessage: (each) => later.push(each.text()) }));
  expect(await third.expect("pubrec")).toMatchObject({ packetIdentifier: 2 });
  expect(await third.expect("puback")).toMatchObject({ packetIdentifier: 3 });
  expect([got, later.sort()]).toEqual([["1"], ["2", "3"]]);
});
