// Sessions at the server that are not this client's, and CONNECTs that reach it late.
import { describe, expect, test } from "vitest";
import { Bench, message, recordEvents, subscribed, watch } from "./bench.ts";

describe("with cleanStart true on MQTT 5", () => {
  test("a session of an earlier process is ended, and the client connects to a new one", async () => {
    const bench = new Bench();
    const client = bench.create();
    const events = recordEvents(client);
    const connecting = watch(client.connect());
    const first = await bench.accept({ sessionPresent: true });
    expect(await first.expect("disconnect")).toMatchObject({ properties: { sessionExpiryInterval: 0 } });
    await first.expectClose();
    await bench.accept();
    await bench.clock.tick();
    expect(connecting.value).toMatchObject({ sessionPresent: false });
    expect(events.map(({ name }) => name)).toEqual(["connected"]);
  });

  test("a server that neither ends it nor closes the connection is asked three times more, and then for a clean start", async () => {
    const bench = new Bench();
    const client = bench.create();
    const connecting = watch(client.connect());
    for (let i = 0; i < 4; i++) {
      const peer = await bench.passing(bench.accept({ sessionPresent: true }));
      expect(peer.received[0]).toMatchObject({ type: "connect", cleanStart: false });
    }
    const peer = await bench.passing(bench.accept());
    expect(peer.received[0]).toMatchObject({ type: "connect", cleanStart: true });
    await bench.clock.tick();
    expect(connecting.value).toMatchObject({ sessionPresent: false });
  });

  test("a signal ends the attempt while the session is being ended", async () => {
    const bench = new Bench();
    const abort = new AbortController();
    const client = bench.create();
    const connecting = watch(client.connect(abort.signal));
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
});

/** Lets an attempt to reconnect end without an answer. */
async function unanswered(bench: Bench): Promise<void> {
  const peer = await bench.passing(bench.server.next());
  await peer.expect("connect");
  peer.cut();
}

describe("after a CONNECT that was not answered", () => {
  test("a resumed session on MQTT 5 is subscribed to again, for new subscriptions' retained messages only", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    await subscribed(bench, client, peer, "f", { qos: 1, retainHandling: 0 });
    await subscribed(bench, client, peer, "g", { qos: 1, retainHandling: 2 });
    peer.cut();
    await unanswered(bench);
    const again = await bench.acceptAgain({ sessionPresent: true });
    expect(await again.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "f", retainHandling: 1 }] });
    expect(await again.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "g", retainHandling: 2 }] });
  });

  test("a resumed session on 3.1.1 is subscribed to again", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ protocolVersion: 4, cleanStart: false });
    await subscribed(bench, client, peer, "f", { qos: 1 });
    peer.cut();
    await unanswered(bench);
    const again = await bench.acceptAgain({ sessionPresent: true });
    expect(await again.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "f" }] });
  });

  test("a QoS 2 message that was on its way is sent again in the resumed session", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const published = watch(client.publish("t", "x", { qos: 2 }));
    const { packetIdentifier } = await peer.expect("publish");
    peer.cut();
    await unanswered(bench);
    const again = await bench.acceptAgain({ sessionPresent: true });
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier, dup: true });
    again.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
    again.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
    await bench.clock.tick();
    expect(published.value).toMatchObject({ qos: 2 });
  });
});

test("a subscription that a resumed session most likely has is kept, however often the link breaks before SUBACK", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const events = recordEvents(client);
  const got: string[] = [];
  await subscribed(bench, client, peer, "f", { qos: 1, onMessage: (each) => got.push(each.text()) });
  peer.cut();
  await unanswered(bench);
  for (let i = 0; i < 12; i++) (await bench.acceptAgain({ sessionPresent: true })).cut();
  const last = await bench.acceptAgain({ sessionPresent: true });
  last.send(message("f", "1", 1, 1));
  await bench.clock.tick();
  expect(got).toEqual(["1"]);
  expect(events.filter(({ name }) => name === "error")).toEqual([]);
  expect(client.statistics.subscriptions).toBe(1);
});

test("without one, a resumed session is not subscribed to again", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  await subscribed(bench, client, peer, "f", { qos: 1 });
  peer.cut();
  const again = await bench.acceptAgain({ sessionPresent: true });
  await again.expectNothing();
});
