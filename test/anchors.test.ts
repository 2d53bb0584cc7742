// Known problems of today's JavaScript clients, each observed in one of them: each has a test with its name.
import { type Client, MemoryStore, type PublishResult } from "@aiko/mqtt";
import type { PublishPacket } from "@aiko/mqtt/codec";
import { type ScriptedPeer, SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { Bench, message, type Outcome, subscribed, watch } from "../packages/mqtt/test/client/bench.ts";

/** The server acknowledges QoS 1 messages for this many milliseconds or until `done`. Returns the messages. */
async function acknowledge(bench: Bench, peer: ScriptedPeer, milliseconds: number, done = () => false) {
  const came: PublishPacket[] = [];
  const end = bench.clock.now() + milliseconds;
  for (let at = 0; !done() && bench.clock.now() <= end; await bench.clock.advance(1)) {
    for (; at < peer.received.length; at++) {
      const packet = peer.received[at];
      if (packet?.type !== "publish") continue;
      came.push(packet);
      peer.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
    }
  }
  return came;
}

const text = ({ payload }: PublishPacket): string => new TextDecoder().decode(payload);

test("66,000 QoS 1 messages published offline: 65,535 are kept, the others are overwritten and their callbacks never called", async () => {
  const bench = new Bench();
  const client = bench.create();
  let settled = 0;
  for (let i = 0; i < 66_000; i++) void client.publish("t", String(i), { qos: 1 }).then(() => settled++);
  watch(client.connect());
  const peer = await bench.accept();
  const came = await acknowledge(bench, peer, 10_000, () => settled === 66_000);
  expect(settled).toBe(66_000);
  expect(came.map(text)).toEqual(Array.from({ length: 66_000 }, (_, i) => String(i)));
});

test("a QoS 1 message published while stored ones are resent is lost if the connection fails again", async () => {
  const bench = new Bench();
  const client = bench.create();
  const outcomes: Outcome<PublishResult>[] = [];
  const publish = (payload: string): void => void outcomes.push(watch(client.publish("t", payload, { qos: 1 })));
  for (const payload of ["1", "2", "3"]) publish(payload);
  watch(client.connect());
  const first = await bench.accept({ properties: { receiveMaximum: 1 } });
  await first.expect("publish");
  publish("4");
  first.cut();
  const second = await bench.acceptAgain({ sessionPresent: true, properties: { receiveMaximum: 1 } });
  await second.expect("publish");
  publish("5");
  second.cut();
  const third = await bench.acceptAgain({ sessionPresent: true });
  const came = await acknowledge(bench, third, 10);
  expect(came.map(text)).toEqual(["1", "2", "3", "4", "5"]);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ settled: 1, value: { reasonCode: 0 } });
});

test("one denied filter removes the whole SUBSCRIBE batch from resubscription", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const outcome = watch(client.subscribe(["a", "denied", "b"], { qos: 1 }));
  const { packetIdentifier } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: [1, 0x87, 1] });
  await bench.clock.tick();
  expect(outcome.value?.granted.map(({ qos }) => qos)).toEqual([1, undefined, 1]);
  peer.cut();
  const again = await bench.acceptAgain();
  const { subscriptions } = await again.expect("subscribe");
  expect(subscriptions.map(({ topicFilter }) => topicFilter)).toEqual(["a", "b"]);
});

test("an inbound QoS 2 message with a topic alias is delivered with an empty topic", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ properties: { topicAliasMaximum: 1 } });
  const got: string[] = [];
  await subscribed(bench, client, peer, "#", { onMessage: (each) => got.push(each.topic) });
  peer.send({ ...message("a/b", "", 2, 1), properties: { topicAlias: 1 } });
  peer.send({ ...message("", "", 2, 2), properties: { topicAlias: 1 } });
  await peer.expect("pubrec");
  await peer.expect("pubrec");
  expect(got).toEqual(["a/b", "a/b"]);
});

test("receive maximum, maximum packet size, maximum QoS, retain-available from CONNACK are ignored", async () => {
  const bench = new Bench();
  const limits = { receiveMaximum: 2, maximumPacketSize: 100, maximumQoS: 1, retainAvailable: false } as const;
  const { client, peer } = await bench.online({}, { properties: limits });
  await expect(client.publish("t", "x", { qos: 2 })).rejects.toMatchObject({ code: "MAXIMUM_QOS_EXCEEDED" });
  await expect(client.publish("t", "x", { retain: true })).rejects.toMatchObject({ code: "RETAIN_NOT_AVAILABLE" });
  await expect(client.publish("t", "x".repeat(100))).rejects.toMatchObject({ code: "MAXIMUM_PACKET_SIZE_EXCEEDED" });
  for (let i = 0; i < 5; i++) watch(client.publish("t", "x", { qos: 1 }));
  await bench.clock.tick();
  expect(peer.received.filter(({ type }) => type === "publish")).toHaveLength(2);
});

test("expired messages are sent, with the expiry interval that they had when they were queued", async () => {
  const bench = new Bench();
  const client = bench.create();
  const short = watch(client.publish("t", "short", { qos: 1, properties: { messageExpiryInterval: 10 } }));
  watch(client.publish("t", "long", { qos: 1, properties: { messageExpiryInterval: 100 } }));
  await bench.clock.advance(30_000);
  expect(short.error).toMatchObject({ code: "MESSAGE_EXPIRED" });
  watch(client.connect());
  const peer = await bench.accept();
  const sent = await peer.expect("publish");
  expect(text(sent)).toBe("long");
  expect(sent.properties).toEqual({ messageExpiryInterval: 70 });
  await peer.expectNothing();
});

test("200 stored messages are resent one per round trip, before connect fires: 2.3 s at 10 ms", async () => {
  const bench = new Bench(() => ({ delay: 10 }));
  const store = new MemoryStore();
  const earlier = bench.create({ store });
  for (let i = 0; i < 200; i++) watch(earlier.publish("t", String(i), { qos: 1 }));
  await bench.clock.tick();
  await bench.passing(earlier.disconnect());

  const client = bench.create({ store });
  const began = bench.clock.now();
  let connectedAfter = Infinity;
  client.on("connected", () => {
    connectedAfter = bench.clock.now() - began;
  });
  watch(client.connect());
  const peer = await bench.server.next();
  await bench.clock.advance(10);
  await peer.expect("connect");
  peer.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
  await bench.clock.advance(10);
  expect(connectedAfter).toBe(20);
  expect(client.statistics.pendingPublishes).toBe(200);
  const came = await acknowledge(bench, peer, 1_000, () => client.statistics.pendingPublishes === 0);
  const took = bench.clock.now() - began;
  expect(came.map(text)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
  expect(took).toBeLessThan(100); // two round trips and the server's steps of a millisecond
});

test("no back-off, no jitter", async () => {
  const dials: number[][] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new Bench((attempt) => ({ refused: attempt > 0 }), seed);
    const { peer } = await bench.online();
    const times: number[] = [];
    const began = bench.clock.now();
    peer.cut();
    while (times.length < 8) {
      const known = bench.dialled.length;
      await bench.clock.advance(times.length === 0 ? 1 : 100);
      if (bench.dialled.length > known) times.push(bench.clock.now() - began);
    }
    dials.push(times);
  }
  for (const times of dials) expect(times[7]).toBeGreaterThan(10_000); // the limits add up to 183 s
  expect(new Set(dials.map(([first]) => first)).size).toBe(20); // no two clients at the same time
});

test.each([4, 5] as const)(
  "two clients with one identifier disconnect each other for ever (version %i)",
  async (version) => {
    const bench = new Bench();
    const clients = [bench.create({ protocolVersion: version }), bench.create({ protocolVersion: version })];
    const taken = clients.map((client) => bench.recordEvents(client));
    for (const client of clients) watch(client.connect());
    const end = bench.clock.now() + 3_600_000;
    let current: ScriptedPeer | undefined;
    while (bench.clock.now() < end) {
      const coming = watch(bench.server.next());
      while (coming.value === undefined && bench.clock.now() < end) await bench.clock.advance(100);
      if (coming.value === undefined) break;
      await coming.value.expect("connect");
      if (version === 5) current?.send({ type: "disconnect", reasonCode: 0x8e });
      current?.close();
      current = coming.value;
      current.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
    }
    const told = taken.flatMap((events) => events.filter(({ name }) => name === "takenOver"));
    expect(told.length).toBeGreaterThan(0);
    expect(told[0]?.value).toMatchObject({ clientId: "c1", error: { message: expect.stringMatching(/"c1"/) } });
    expect(told.some(({ value }) => (value as { certain: boolean }).certain)).toBe(version === 5);
    if (version === 5)
      expect(bench.dialled.length).toBeLessThan(10); // each reconnects three times, and then one stops
    else expect(bench.dialled.length).toBeLessThan(300); // a minute apart in the end; one a second would be 3,600
  },
);

test("publishAsync never settles after end; endAsync hangs offline", async () => {
  const bench = new Bench();
  const offline = bench.create();
  const pending = [
    offline.publish("t", "x"),
    offline.publish("t", "x", { qos: 1 }),
    offline.publish("t", "x", { qos: 2 }),
  ];
  const outcomes = pending.map((each) => watch(each));
  const subscribing = watch(offline.subscribe("t"));
  await offline.disconnect();
  await bench.clock.tick();
  for (const { error } of [...outcomes, subscribing]) expect(error).toMatchObject({ code: "CLIENT_CLOSED" });
  await expect(offline.publish("t", "x", { qos: 1 })).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  await expect(offline.subscribe("t")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  await expect(offline.request("t", "x")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  expect(bench.clock.nextTimer).toBe(Infinity);
});

test("a slow message handler blocks PINGRESP: four reconnects in six seconds with a healthy server", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ keepAlive: 1 });
  await subscribed(bench, client, peer, "#", { onMessage: () => new Promise(() => undefined) });
  let pings = 0;
  for (let i = 1; i <= 600; i++) {
    peer.send(message("a", "x", 1, i));
    await bench.clock.advance(100);
    const due = peer.received.filter(({ type }) => type === "pingreq").length;
    for (; pings < due; pings++) peer.send({ type: "pingresp" });
  }
  expect(client.connected).toBe(true);
  expect(bench.dialled).toHaveLength(1);
  expect(pings).toBeGreaterThan(30);
});

test("an unlimited queue; publish has no back-pressure", async () => {
  const bench = new Bench();
  const byCount = bench.create({ outbox: { maximumCount: 2 } });
  const byBytes = bench.create({ outbox: { maximumBytes: 20 } });
  for (const client of [byCount, byBytes]) {
    const outcomes = Array.from({ length: 3 }, () => watch(client.publish("t", "123456789", { qos: 1 })));
    await bench.clock.tick();
    expect(outcomes.map(({ settled }) => settled)).toEqual([0, 0, 1]); // a pending promise is the back-pressure
    expect(outcomes[2]?.error).toMatchObject({ code: "OUTBOX_FULL" });
  }
});

test("no handler for each subscription, no iterator, no request/response, no AbortSignal, no async credentials", async () => {
  const bench = new Bench();
  const client: Client = bench.create({ credentials: async () => ({ username: "ann", password: "of today" }) });
  const connecting = client.connect();
  const peer = await bench.server.next();
  const { username } = await peer.expect("connect");
  expect(username).toBe("ann");
  peer.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
  await bench.clock.tick();
  await connecting;
  const handled: string[] = [];
  await subscribed(bench, client, peer, "handler", { onMessage: (each) => handled.push(each.text()) });
  const iterated = await subscribed(bench, client, peer, "iterator");
  peer.send(message("handler", "1"));
  peer.send(message("iterator", "2"));
  await bench.clock.tick();
  expect(handled).toEqual(["1"]);
  for await (const each of iterated) {
    expect(each.text()).toBe("2");
    break;
  }
  await peer.expect("unsubscribe");
  const asking = watch(client.request("question", "?"));
  const { packetIdentifier } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: [1] });
  const { properties } = await peer.expect("publish");
  const { responseTopic = "", correlationData = new Uint8Array() } = properties ?? {};
  peer.send({ ...message(responseTopic, "42"), properties: { correlationData } });
  await bench.clock.tick();
  expect(asking.value?.text()).toBe("42");
  const source = new AbortController();
  const given = watch(client.publish("t", "x", { qos: 1, signal: source.signal }));
  source.abort();
  await bench.clock.tick();
  expect(given.error).toMatchObject({ code: "ABORTED" });
});

test("a hostile server could crash the process", async () => {
  const random = new SeededRandom(7);
  const names = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const bench = new Bench();
    const { client, peer } = await bench.online({ reconnect: false });
    watch(client.subscribe("#", { onMessage: () => undefined }));
    client.on("disconnected", ({ error }) => names.add(error.name));
    peer.send(Uint8Array.from({ length: 1 + Math.floor(random.next() * 60) }, () => Math.floor(random.next() * 256)));
    await bench.clock.advance(100);
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
  }
  for (const name of names) expect(["ProtocolError", "RefusedError"]).toContain(name); // the latter by DISCONNECT
  expect(names).toContain("ProtocolError");
});

test("QoS 0 messages published offline are silently queued for ever or silently dropped, depending on an option", async () => {
  const bench = new Bench();
  const queueing = bench.create();
  const queued = watch(queueing.publish("t", "x"));
  await bench.clock.tick();
  expect(queued.settled).toBe(0);
  expect(queueing.statistics.pendingPublishes).toBe(1);
  watch(queueing.connect());
  await (await bench.accept()).expect("publish");
  expect(queued.value).toMatchObject({ qos: 0 });

  const dropping = bench.create({ outbox: { qos0: "drop" } });
  await expect(dropping.publish("t", "x")).rejects.toMatchObject({ code: "OUTBOX_DROPPED" });
});
