// Faults on the connections of a broker, as tests of applications use them.
import { type Client, type ConnectOptions, createClient, type ProtocolVersion } from "@aiko/mqtt";
import type { PacketType } from "@aiko/mqtt/codec";
import { FakeClock, FaultyLink, memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { type Fault, Faults, type FaultTarget } from "@aiko/mqtt-broker/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../../test/fixtures/broker-events.ts";
import { message, receive, subscribe } from "../bench.ts";

async function started(options: BrokerOptions = {}) {
  const clock = new FakeClock();
  const faults = new Faults();
  const broker = await Broker.listen({ listeners: [], clock, faults, ...options });
  onTestFinished(() => broker.close());
  const link = new FaultyLink(clock, broker);
  const dial = (chunkSize?: number, version: ProtocolVersion = 5): ScriptedPeer => {
    const [client, server] = memoryPair(clock, { chunkSize });
    broker.accept(server);
    return new ScriptedPeer(client, clock, version);
  };
  const join = async (clientId: string, chunkSize?: number): Promise<ScriptedPeer> => {
    const peer = dial(chunkSize);
    peer.send({ type: "connect", protocolVersion: 5, clientId, cleanStart: true, keepAlive: 0 });
    await peer.expect("connack");
    return peer;
  };
  const client = (clientId: string, options: ConnectOptions = {}): Client => {
    const made = createClient("mqtt://broker", { clientId, platform: link.platform, ...options });
    onTestFinished(() => clock.until(made.disconnect()));
    return made;
  };
  return { clock, faults, broker, dial, join, client };
}

test("a dropped PUBACK makes the client resend over the next connection", async () => {
  const { clock, faults, broker, client } = await started();
  const got: string[] = [];
  broker.subscribe("#", (given) => got.push(given.text()));
  const kitchen = client("kitchen", { cleanStart: false, properties: { sessionExpiryInterval: 60 } });
  await clock.until(kitchen.connect());
  const lost = faults.drop({ client: "kitchen", packet: "puback", times: 1 });
  const published = kitchen.publish("t", "x", { qos: 1 });
  await clock.tick();
  expect(lost.count).toBe(1);
  broker.clients.get("kitchen")?.disconnect();
  await clock.until(published);
  expect(got).toEqual(["x", "x"]);
});

test("a delayed packet arrives later, and those behind it wait", async () => {
  const { clock, faults, join } = await started();
  const [peer, reader] = [await join("c"), await join("r")];
  await subscribe(reader, "#");
  faults.delay(1_000, { packet: "publish", direction: "received", times: 1 });
  peer.send(message("t", "1"));
  peer.send({ type: "pingreq" });
  await clock.advance(999);
  await peer.expectNothing();
  await clock.advance(1);
  await peer.expect("pingresp");
  expect(await receive(reader)).toBe("t=1 q0");
  faults.delay(500, { client: "r", direction: "sent", times: 1 });
  peer.send(message("t", "2"));
  peer.send(message("t", "3"));
  await clock.advance(499);
  await reader.expectNothing();
  await clock.advance(1);
  expect([await receive(reader), await receive(reader)]).toEqual(["t=2 q0", "t=3 q0"]);
});

test.each<[PacketType, number]>([
  ["publish", 1],
  ["publish", 3],
])("a connection is closed at its %s packet number %i", async (packet, n) => {
  const { faults, join, clock, broker } = await started();
  const events = recordEvents(broker);
  const [peer, reader] = [await join("c"), await join("r")];
  await subscribe(reader, "#");
  const fault = faults.close({ client: /^c$/, packet, skip: n - 1, times: 1 });
  for (let i = 1; i <= 4; i++) peer.send(message("t", `${i}`));
  await peer.expectClose();
  for (let i = 1; i < n; i++) expect(await receive(reader)).toBe(`t=${i} q0`);
  await reader.expectNothing();
  expect(fault.count).toBe(1);
  expect(events.at(-1)).toMatchObject({ type: "disconnected", clientId: "c" });
  await clock.tick();
  expect(broker.statistics.openConnections).toBe(1);
});

test("a duplicated packet arrives twice, in both directions", async () => {
  const { faults, join } = await started();
  const [peer, reader] = [await join("c"), await join("r")];
  await subscribe(reader, "#");
  faults.duplicate({ packet: "publish", direction: "received", times: 1 });
  const sent = faults.duplicate({ packet: "publish", direction: "sent" });
  peer.send(message("t", "1"));
  for (let i = 0; i < 4; i++) expect(await receive(reader)).toBe("t=1 q0");
  sent.remove();
  peer.send(message("t", "2"));
  expect(await receive(reader)).toBe("t=2 q0");
  await reader.expectNothing();
});

describe("a refused packet", () => {
  test("is answered with the reason code, and has no effect", async () => {
    const { faults, join, broker } = await started();
    const peer = await join("c");
    faults.refuse(0x97);
    peer.send(message("t", "1", { qos: 1, packetIdentifier: 1, retain: true }));
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0x97 });
    peer.send(message("t", "1", { qos: 2, packetIdentifier: 2, retain: true }));
    expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 2, reasonCode: 0x97 });
    expect(await subscribe(peer, "a")).toEqual([0x97]);
    peer.send({ type: "unsubscribe", packetIdentifier: 3, topicFilters: ["a", "b"] });
    expect((await peer.expect("unsuback")).reasonCodes).toEqual([0x80, 0x80]); // UNSUBACK cannot carry 0x97
    peer.send({ type: "pingreq" });
    await peer.expect("pingresp");
    expect(broker.statistics).toMatchObject({ retainedMessages: 0, subscriptions: 0 });
  });

  test("CONNECT ends the connection, and the client retries", async () => {
    const { clock, faults, client, broker } = await started();
    const fault = faults.refuse(0x89, { packet: "connect", client: (clientId) => clientId === "c", times: 2 });
    const c = client("c", { reconnect: false });
    await expect(clock.until(c.connect())).rejects.toMatchObject({ reasonCode: 0x89 });
    await expect(clock.until(c.connect())).rejects.toMatchObject({ reasonCode: 0x89 });
    await clock.until(c.connect());
    expect(fault.count).toBe(2);
    expect(broker.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
  });

  test.each<[ProtocolVersion, number]>([
    [3, 2],
    [4, 0x80],
  ])("on version %i is answered as that version allows", async (protocolVersion, code) => {
    const { faults, dial } = await started();
    const peer = dial(undefined, protocolVersion);
    peer.send({ type: "connect", protocolVersion, clientId: "c", cleanStart: true, keepAlive: 0 });
    await peer.expect("connack");
    faults.refuse(0x97);
    peer.send(message("t", "1", { qos: 1, packetIdentifier: 1 }));
    await peer.expect("puback");
    expect(await subscribe(peer, "a")).toEqual([code]);
  });
});

test("packets are found in bytes of any chunks", async () => {
  const { faults, join } = await started();
  const [peer, reader] = [await join("c", 1), await join("r", 3)];
  await subscribe(reader, "#");
  const fault = faults.drop({ packet: "publish", direction: "received", skip: 1, times: 1 });
  for (let i = 1; i <= 3; i++) peer.send(message("t", `${i}${"x".repeat(300)}`));
  expect((await receive(reader)).slice(0, 3)).toBe("t=1");
  expect((await receive(reader)).slice(0, 3)).toBe("t=3");
  expect(fault.count).toBe(1);
});

test("bytes that are not a packet reach the broker", async () => {
  const { faults, dial, broker } = await started();
  const events = recordEvents(broker);
  faults.drop({ packet: "pingreq" });
  const peer = dial();
  peer.send(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 1));
  await peer.expectClose();
  expect(events.at(-1)).toMatchObject({ type: "refused" });
});

test("a client with an assigned identifier is found by it", async () => {
  const { faults, dial } = await started();
  const peer = dial();
  peer.send({ type: "connect", protocolVersion: 5, clientId: "", cleanStart: true, keepAlive: 0 });
  const assigned = (await peer.expect("connack")).properties?.assignedClientIdentifier ?? "";
  const fault = faults.drop({ client: assigned, packet: "pingreq" });
  peer.send({ type: "pingreq" });
  await peer.expectNothing();
  expect(fault.count).toBe(1);
  faults.clear();
  peer.send({ type: "pingreq" });
  await peer.expect("pingresp");
});

test("a connection that ends while packets are delayed ends after them", async () => {
  const { clock, faults, join, broker } = await started();
  const [peer, reader] = [await join("c"), await join("r")];
  await subscribe(reader, "#");
  faults.delay(100, { client: "c", packet: "publish" });
  peer.send(message("t", "1"));
  peer.close();
  await clock.advance(99);
  expect(broker.statistics.openConnections).toBe(2);
  await clock.advance(1);
  expect(await receive(reader)).toBe("t=1 q0");
  expect(broker.statistics.openConnections).toBe(1);
  faults.delay(30, { client: "r", packet: "disconnect" });
  broker.clients.get("r")?.disconnect();
  await clock.advance(29);
  await reader.expectNothing();
  await clock.advance(1);
  await reader.expect("disconnect");
  await reader.expectClose();
});

test("a broker that closes discards delayed packets", async () => {
  const { clock, faults, join, broker } = await started();
  const peer = await join("c");
  faults.delay(100_000);
  peer.send(message("t", "1"));
  peer.close();
  await clock.tick();
  await clock.until(broker.close());
  await clock.advance(1_000);
  expect(broker.statistics.openConnections).toBe(0);
  expect(clock.nextTimer).toBe(Infinity);
});

test.each<[string, (faults: Faults) => Fault]>([
  ["an unknown type", (faults) => faults.drop({ packet: "pubclick" as PacketType })],
  ["no type", (faults) => faults.drop({ packet: [] })],
  ["an unknown option", (faults) => faults.drop({ type: "publish" } as FaultTarget)],
  ["an unknown direction", (faults) => faults.drop({ direction: "up" as "sent" })],
  ["a fraction", (faults) => faults.drop({ times: 0.5 })],
  ["a negative delay", (faults) => faults.delay(-1)],
  ["a refusal of PINGREQ", (faults) => faults.refuse(0x80, { packet: "pingreq" })],
  ["a refusal of what the broker sends", (faults) => faults.refuse(0x80, { direction: "sent" })],
  ["a refusal that is a success", (faults) => faults.refuse(0)],
])("%s is rejected", (_, add) => {
  expect(() => add(new Faults())).toThrow(expect.objectContaining({ name: "UsageError" }));
});
