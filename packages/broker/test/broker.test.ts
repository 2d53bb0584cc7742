// The broker in normal use: over TCP on the loopback interface.
import { connect as dial, type Socket } from "node:net";
import { connect as connectClient } from "@aiko/mqtt";
import { encode, type Packet, PacketStream } from "@aiko/mqtt/codec";
import { Broker, type BrokerEvents, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { freePort } from "../../../test/fixtures/free-port.ts";
import { parseBrokerOptions } from "../src/options/broker-options.ts";

/** A socket, and a promise of all packets that arrive until it closes. */
function open(broker: Broker): { socket: Socket; packets: Promise<Packet[]> } {
  const socket = dial(broker.port, "127.0.0.1");
  const stream = new PacketStream(5);
  const got: Packet[] = [];
  socket.on("data", (bytes) => got.push(...stream.push(bytes)));
  socket.on("error", () => undefined);
  const packets = new Promise<Packet[]>((resolve) => socket.on("close", () => resolve(got)));
  return { socket, packets };
}

const connect = encode({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 }, 5);
const onceConnected = (socket: Socket) => new Promise((resolve) => socket.once("data", resolve));

test("listens on a free port of the loopback interface, and reports its URL", async () => {
  await using broker = await Broker.listen({ port: 0 });
  expect(broker.port).toBeGreaterThan(0);
  expect(broker.url).toBe(`mqtt://127.0.0.1:${broker.port}`);
  expect(broker.urls).toEqual([broker.url]);
  expect(new Set(Object.values(broker.statistics))).toEqual(new Set([0]));
});

/** It must list all of them, otherwise it does not compile. */
const leftOut: Record<keyof BrokerOptions, undefined> = {
  host: undefined,
  port: undefined,
  listeners: undefined,
  allowedOrigins: undefined,
  tls: undefined,
  authenticate: undefined,
  authorizePublish: undefined,
  authorizeSubscribe: undefined,
  authorizeDeliver: undefined,
  deliversToAll: undefined,
  onPublish: undefined,
  hookTimeout: undefined,
  store: undefined,
  faults: undefined,
  authenticationMethods: undefined,
  reauthenticationTimeout: undefined,
  maximumChallenges: undefined,
  responseInformation: undefined,
  subprotocolOptional: undefined,
  maximumQoS: undefined,
  retainAvailable: undefined,
  wildcardSubscriptionAvailable: undefined,
  subscriptionIdentifiersAvailable: undefined,
  sharedSubscriptionAvailable: undefined,
  maximumPacketSize: undefined,
  maximumConnections: undefined,
  maximumSessions: undefined,
  maximumSubscriptions: undefined,
  maximumTopicLevels: undefined,
  outbox: undefined,
  outboxInMemory: undefined,
  retained: undefined,
  maximumShare: undefined,
  perAddress: undefined,
  maximumMemory: undefined,
  receiveMaximum: undefined,
  topicAliasMaximum: undefined,
  maximumKeepAlive: undefined,
  maximumSessionExpiry: undefined,
  connectTimeout: undefined,
  longClientIdentifiers: undefined,
  clock: undefined,
};

test("an option with the value undefined counts as not set", () => {
  expect(parseBrokerOptions(leftOut)).toEqual(parseBrokerOptions({}));
  const bounds = { maximumCount: undefined, maximumBytes: undefined };
  expect(parseBrokerOptions({ outbox: bounds, retained: bounds })).toEqual(parseBrokerOptions({}));
});

test("a broker on all interfaces is reachable over loopback", async () => {
  await using broker = await Broker.listen({ port: 0, host: "0.0.0.0" });
  expect(broker.url).toBe(`mqtt://127.0.0.1:${broker.port}`);
});

test("close sends 0x8B to connected clients and frees the port", async () => {
  const port = await freePort();
  const broker = await Broker.listen({ port });
  const { socket, packets } = open(broker);
  socket.write(connect);
  await onceConnected(socket);
  await broker.close();
  expect(await packets).toMatchObject([{ type: "connack" }, { type: "disconnect", reasonCode: 0x8b }]);
  await using next = await Broker.listen({ port });
  expect(next.port).toBe(port);
  await broker.close();
});

test("a port that is in use fails with LISTEN_FAILED and a readable reason", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await expect(Broker.listen({ port: broker.port })).rejects.toMatchObject({
    name: "TransportError",
    code: "LISTEN_FAILED",
    message: `cannot listen on 127.0.0.1:${broker.port}: the port is already in use; stop the other process, or choose another port (0 picks a free one)`,
  });
});

test("beyond maximumConnections no client is accepted", async () => {
  const refused: string[] = [];
  await using broker = await Broker.listen({ port: 0, maximumConnections: 1 });
  broker.on("refused", ({ reason }) => refused.push(reason));
  const first = open(broker);
  first.socket.write(connect);
  await onceConnected(first.socket);
  expect(await open(broker).packets).toEqual([]);
  expect(refused).toEqual(["the limit maximumConnections 1 is reached"]);
  first.socket.destroy();
});

describe("events", () => {
  test("go to each listener until it is removed", async () => {
    await using broker = await Broker.listen({ port: 0 });
    const heard: string[] = [];
    const first = ({ clientId }: BrokerEvents["connected"]) => heard.push(`first ${clientId}`);
    broker.on("connected", first);
    const stop = broker.on("connected", ({ clientId }) => heard.push(`second ${clientId}`));
    await (await connectClient(broker.url, { clientId: "a" })).disconnect();
    broker.off("connected", first);
    await (await connectClient(broker.url, { clientId: "b" })).disconnect();
    stop();
    await (await connectClient(broker.url, { clientId: "c" })).disconnect();
    expect(heard).toEqual(["first a", "second a", "second b"]);
  });

  test("contain the address that a client connects from", async () => {
    await using broker = await Broker.listen({ port: 0 });
    const addresses: unknown[] = [];
    broker.on("connected", ({ address }) => addresses.push(address));
    await (await connectClient(broker.url)).disconnect();
    expect(addresses).toEqual(["127.0.0.1"]);
  });

  test.each([
    ["conected", () => undefined, "OPTION_UNKNOWN", 'unknown event "conected"; the events are connected, refused'],
    ["constructor", () => undefined, "OPTION_UNKNOWN", 'event "constructor"'],
    ["connected", undefined, "OPTION_INVALID", "listener: must be a function"],
  ])("with a wrong name or without a listener are rejected: %s", async (name, listener, code, message) => {
    await using broker = await Broker.listen({ port: 0 });
    const refusal = expect.objectContaining({ code, message: expect.stringContaining(message) });
    expect(() => broker.on(name as "connected", listener as never)).toThrow(refusal);
    expect(() => broker.off(name as "connected", listener as never)).toThrow(refusal);
  });
});

test("a failure of the server socket does not end the process", async () => {
  await using broker = await Broker.listen({ port: 0 });
  const [listener] = (broker as unknown as { listeners: readonly { server: NodeJS.EventEmitter }[] }).listeners;
  for (let i = 0; i < 3; i++) expect(() => listener?.server.emit("error", new Error("EMFILE"))).not.toThrow();
});

describe("a wrong option", () => {
  test.each([
    [{ prot: 1883 }, "OPTION_UNKNOWN", "prot"],
    [{ constructor: 1 }, "OPTION_UNKNOWN", "constructor"],
    [{ port: 99_999 }, "OPTION_INVALID", "port 99999: must be an integer from 0 to 65535"],
    [{ port: "1883" }, "OPTION_INVALID", 'port "1883": must be a number'],
    [{ host: "" }, "OPTION_INVALID", 'host "": must not be empty'],
    [{ host: Object.create(null) }, "OPTION_INVALID", "host {…}: must be a string"],
    [{ maximumPacketSize: 1 }, "OPTION_INVALID", "maximumPacketSize 1"],
    [{ receiveMaximum: 0 }, "OPTION_INVALID", "receiveMaximum 0"],
    [{ outbox: 5 }, "OPTION_INVALID", "outbox 5: must be an object"],
    [{ outbox: { maximumCont: 5 } }, "OPTION_UNKNOWN", "outbox.maximumCont"],
    [{ outbox: { maximumCount: 0 } }, "OPTION_INVALID", "outbox.maximumCount 0: must be an integer from 1 to"],
    [
      { retained: { maximumBytes: "1" } },
      "OPTION_INVALID",
      'retained.maximumBytes "1": must be a number, an integer from 0 to',
    ],
    [{ connectTimeout: Infinity }, "OPTION_INVALID", "connectTimeout Infinity"],
    [{ authenticate: true }, "OPTION_INVALID", "authenticate true: must be a function"],
    [{ clock: null }, "OPTION_INVALID", "clock null"],
  ])("%o", async (options, code, text) => {
    await expect(Broker.listen(options as BrokerOptions)).rejects.toMatchObject({
      name: "UsageError",
      code,
      message: expect.stringContaining(text),
    });
  });

  const host = 'Broker.listen({ host: "0.0.0.0", port: 22000 })';
  test.each([
    [22_000, "options 22000: must be an object; write Broker.listen({ port: 22000 })"],
    ["22000", 'options "22000": must be an object; write Broker.listen({ port: 22000 })'],
    ["0.0.0.0:22000", `options "0.0.0.0:22000": must be an object; write ${host}`],
    ["mqtt://0.0.0.0:22000", `options "mqtt://0.0.0.0:22000": must be an object; write ${host}`],
    ["[::1]:22000", 'options "[::1]:22000": must be an object; write Broker.listen({ host: "::1", port: 22000 })'],
    ["localhost", 'options "localhost": must be an object; write Broker.listen({ host: "localhost", port: 1883 })'],
    [
      "/run/b.sock",
      'options "/run/b.sock": must be an object; write Broker.listen({ listeners: [{ url: "unix:/run/b.sock" }] })',
    ],
    ["mqtt://me:secret@host", "options of type string: must be an object; write Broker.listen({ port: 1883 })"],
    ["x".repeat(500), "options of type string: must be an object; write Broker.listen({ port: 1883 })"],
    [99_999, "options 99999: must be an object; write Broker.listen({ port: 1883 })"],
    [null, "options null: must be an object; write Broker.listen({ port: 1883 })"],
    [[1883], "options of type array: must be an object; write Broker.listen({ port: 1883 })"],
    [() => 1883, "options of type function: must be an object; write Broker.listen({ port: 1883 })"],
    [new URL("mqtt://a:1"), "options of type URL: must be an object; write Broker.listen({ port: 1883 })"],
  ])("options that are not an object are rejected: %j", async (options, message) => {
    await expect(Broker.listen(options as never)).rejects.toMatchObject({
      name: "UsageError",
      code: "OPTION_INVALID",
      message,
    });
  });

  test("an undefined option counts as not set", async () => {
    await using broker = await Broker.listen({ port: 0, host: undefined } as object);
    expect(broker.url).toContain("127.0.0.1");
  });
});
