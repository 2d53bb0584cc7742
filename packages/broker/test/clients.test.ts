// broker.clients: the application lists, inspects and ends clients.
import { inspect } from "node:util";
import type { BrokerClient } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { Bench, kept, message, receive, subscribe } from "./bench.ts";

function known(bench: Bench, clientId: string): BrokerClient {
  const client = bench.hub.clientList.get(clientId);
  if (client === undefined) throw new Error(`${clientId} is not known`);
  return client;
}

test("lists the clients that have a session, with or without a connection", async () => {
  const bench = new Bench();
  await bench.connect("a");
  (await bench.connect("b", kept)).cut();
  (await bench.connect("c")).cut();
  await bench.clock.tick();
  const { clientList } = bench.hub;
  expect([...clientList].map(({ clientId, connected }) => [clientId, connected])).toEqual([
    ["a", true],
    ["b", false],
  ]);
  expect([clientList.size, clientList.get("c")]).toEqual([2, undefined]);
});

test("a client is one object for its session, and is up to date", async () => {
  const bench = new Bench({ authenticate: ({ clientId }) => ({ identity: `user of ${clientId}` }) });
  const peer = await bench.connect("a", { ...kept, username: "ann", protocolVersion: 5 });
  const client = known(bench, "a");
  const connectedAt = bench.clock.now();
  expect(client).toMatchObject({
    clientId: "a",
    identity: "user of a",
    username: "ann",
    protocolVersion: 5,
    address: undefined,
    listener: undefined,
    connected: true,
    connectedAt,
    subscriptions: [],
    queued: { count: 0, bytes: 0 },
  });
  await subscribe(peer, "x/#");
  await subscribe(peer, "$share/g/y");
  peer.cut();
  await bench.clock.tick();
  const other = await bench.connect("b");
  other.send(message("x/1", "12345", { qos: 1, packetIdentifier: 1 }));
  await bench.clock.tick();
  expect(client).toMatchObject({
    connected: false,
    subscriptions: ["x/#", "$share/g/y"],
    queued: { count: 1, bytes: 8 },
  });
  await bench.clock.advance(5_000);
  await bench.connect("a", { ...kept, protocolVersion: 4 });
  expect(known(bench, "a")).toBe(client);
  expect(client).toMatchObject({ connected: true, connectedAt: connectedAt + 5_000, protocolVersion: 4 });
});

test("disconnect tells the client why, publishes its will, and keeps its session", async () => {
  const bench = new Bench();
  const reader = await bench.connect("r");
  await subscribe(reader, "#");
  const will = { topic: "w", payload: Uint8Array.of(0x78), qos: 0, retain: false } as const;
  const peer = await bench.connect("a", { ...kept, will });
  known(bench, "a").disconnect(0x96, "too many messages");
  expect(await peer.expect("disconnect")).toMatchObject({
    reasonCode: 0x96,
    properties: { reasonString: "too many messages" },
  });
  await peer.expectClose();
  expect(await receive(reader)).toBe("w=x q0");
  expect(bench.events).toContainEqual({ type: "disconnected", clientId: "a", reason: "too many messages" });
  expect(known(bench, "a").connected).toBe(false);
  known(bench, "a").disconnect(); // has no effect
});

test.each([0, 0x04, 0x85, 150.5, 0xa3, "0x98"])("disconnect rejects the reason code %s", async (reasonCode) => {
  const bench = new Bench();
  await bench.connect("a");
  expect(() => known(bench, "a").disconnect(reasonCode as number)).toThrow(
    expect.objectContaining({ name: "UsageError" }),
  );
  expect(known(bench, "a").connected).toBe(true);
});

test("endSession ends the connection and everything that is kept, and is reported", async () => {
  const bench = new Bench();
  const ended: string[] = [];
  bench.hub.events.on("sessionEnded", ({ clientId }) => ended.push(clientId));
  const peer = await bench.connect("a", kept);
  await subscribe(peer, "x");
  const client = known(bench, "a");
  client.endSession();
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x98 });
  expect(bench.hub.statistics).toMatchObject({ sessions: 0, subscriptions: 0 });
  expect(client.connected).toBe(false);
  client.endSession(); // has no effect
  expect(ended).toEqual(["a"]);
  const { connack } = await bench.introduce("a", kept);
  expect(connack.sessionPresent).toBe(false);
});

test("sessions that end in other ways are reported, too", async () => {
  const bench = new Bench();
  const ended: string[] = [];
  bench.hub.events.on("sessionEnded", ({ clientId }) => ended.push(clientId));
  (await bench.connect("clean")).cut();
  (await bench.connect("expires", kept)).cut();
  await bench.clock.tick();
  await bench.connect("replaced", kept);
  await bench.connect("replaced", { ...kept, cleanStart: true });
  expect(ended).toEqual(["clean", "replaced"]);
  await bench.clock.advance(1_000_000);
  expect(ended).toEqual(["clean", "replaced", "expires"]);
});

test("published is reported for wills and for messages of the application, too", async () => {
  const bench = new Bench();
  const will = { topic: "w", payload: Uint8Array.of(0x78), qos: 0, retain: false } as const;
  (await bench.connect("a", { will })).cut();
  await bench.clock.tick();
  expect(bench.events.filter(({ type }) => type === "published")).toEqual([
    { type: "published", clientId: "a", topic: "w", bytes: 1 },
  ]);
});

test("printing clients shows no other part of the broker", async () => {
  const bench = new Bench();
  await bench.connect("a");
  expect(JSON.stringify([...bench.hub.clientList])).toBe('[{"clientId":"a","connected":true}]');
  expect(inspect(bench.hub.clientList, { depth: 9 })).not.toContain("session");
});

test.each(["disconnect", "endSession"] as const)("%s in a listener of connected ends the client", async (method) => {
  const bench = new Bench();
  bench.hub.events.on("connected", ({ clientId }) => known(bench, clientId)[method]());
  const peer = await bench.connect("a");
  expect((await peer.expect("disconnect")).reasonCode).toBe(0x98);
  await peer.expectClose();
  expect(bench.hub.statistics).toMatchObject({ sessions: 0, openConnections: 0 });
  expect(bench.events.map(({ type }) => type)).toEqual(["connected", "disconnected"]);
});

test("a listener of connected hears of a client before its packets have an effect", async () => {
  const bench = new Bench();
  const peer = bench.dial();
  peer.send({ type: "connect", protocolVersion: 5, clientId: "a", cleanStart: true, keepAlive: 0 });
  peer.send(message("t", "x"));
  await peer.expect("connack");
  expect(bench.events.map(({ type }) => type)).toEqual(["connected", "published"]);
});

test("printing a client shows who it is", async () => {
  const bench = new Bench();
  await bench.connect("a");
  expect(inspect(known(bench, "a"))).toBe("BrokerClient { clientId: 'a', identity: undefined, connected: true }");
});
