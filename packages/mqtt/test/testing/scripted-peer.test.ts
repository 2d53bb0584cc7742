import { encode, type Packet } from "@aiko/mqtt/codec";
import { FakeClock, memoryPair, ScriptedPeer, ScriptedServer, storeSuite, transportSuite } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";

const connect: Packet = { type: "connect", protocolVersion: 4, clientId: "c", cleanStart: true, keepAlive: 0 };
const address = { scheme: "mqtt", host: "server", port: 1883, path: "" } as const;
const signal = { aborted: false, addEventListener() {}, removeEventListener() {} };

function peers() {
  const clock = new FakeClock();
  const [one, other] = memoryPair(clock);
  return { clock, client: new ScriptedPeer(one, clock, 4), server: new ScriptedPeer(other, clock) };
}

test("two peers exchange packets, and record what they received", async () => {
  const { client, server } = peers();
  client.send(connect);
  client.send({ type: "pingreq" });
  expect(await server.expect("connect")).toMatchObject({ clientId: "c" });
  expect(await server.expect("pingreq")).toEqual({ type: "pingreq" });
  server.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
  server.send(Uint8Array.of(0xd0));
  server.send(Uint8Array.of(0x00));
  await client.expect("connack");
  await client.expect("pingresp");
  await client.expectNothing();
  expect(server.received.map(({ type }) => type)).toEqual(["connect", "pingreq"]);
  expect(server.bytes).toEqual(Uint8Array.of(...encode(connect, 4), 0xc0, 0x00));
});

test("expect waits for a future packet", async () => {
  const { clock, client, server } = peers();
  const expected = server.expect("connect");
  await clock.advance(1000);
  client.send(connect);
  await clock.tick();
  expect((await expected).type).toBe("connect");
});

test("a packet other than the expected one is an error that shows it", async () => {
  const { client, server } = peers();
  client.send(connect);
  await expect(server.expect("pingreq")).rejects.toThrow(/expected pingreq, got .*"clientId":"c"/);
});

test("expectNothing rejects if a packet or the end arrives", async () => {
  const { client, server } = peers();
  client.send(connect);
  await expect(server.expectNothing()).rejects.toThrow("expected no packet");
  client.cut();
  await server.expect("connect");
  await expect(server.expectNothing()).rejects.toThrow("closed");
});

test("an end instead of a packet rejects, and can be expected", async () => {
  const { client, server } = peers();
  server.close();
  await expect(client.expect("connack")).rejects.toThrow("the connection closed");
  await client.expectClose();
  expect(client.isClosed && server.isClosed).toBe(true);
});

test("a packet instead of the end rejects", async () => {
  const { client, server } = peers();
  client.send(connect);
  client.close();
  await expect(server.expectClose()).rejects.toThrow("expected close, got");
  await server.expectClose();
});

test("bytes that are not a valid packet reject with the cause", async () => {
  const { client, server } = peers();
  client.send(Uint8Array.of(0, 0, 0));
  await expect(server.expect("connect")).rejects.toMatchObject({ cause: { name: "ProtocolError" } });
});

test("a server's end cannot send before it knows the version, and allows one wait at a time", async () => {
  const { clock, server } = peers();
  expect(() => server.send({ type: "pingresp" })).toThrow("before a CONNECT");
  const waiting = server.expect("connect");
  await clock.tick();
  await expect(server.expect("connect")).rejects.toThrow("is awaited");
  server.cut();
  await clock.tick();
  await expect(waiting).rejects.toThrow("closed");
});

test("a paused peer makes bytes accumulate", async () => {
  const { client, server } = peers();
  server.pause();
  client.send(connect);
  await server.expectNothing();
  server.resume();
  await server.expect("connect");
});

test("a scripted server has a peer for each connection", async () => {
  const clock = new FakeClock();
  const server = new ScriptedServer(clock);
  const awaited = server.next();
  const first = new ScriptedPeer(await server.dial(address, signal), clock, 4);
  const second = new ScriptedPeer(await server.dial(address, signal), clock, 4);
  first.send(connect);
  second.send({ ...connect, clientId: "d" });
  expect(await (await awaited).expect("connect")).toMatchObject({ clientId: "c" });
  expect(await (await server.next()).expect("connect")).toMatchObject({ clientId: "d" });
  expect(server.link.attempts).toBe(2);
});

test("the transport suite detects a transport that drops a byte", async () => {
  const clock = new FakeClock();
  const suite = transportSuite({
    async pair() {
      const [one, other] = memoryPair(clock);
      const write = one.write.bind(one);
      one.write = (bytes) => write(bytes.length > 1 ? Uint8Array.of(...bytes.subarray(1), 0) : bytes);
      return [one, other];
    },
    pause: () => clock.advance(100),
  });
  const outcomes = await Promise.allSettled(suite.slice(0, 2).map(({ run }) => clock.until(run())));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ status: "rejected" });
});

test("the store suite detects a store that keeps the caller's arrays", async () => {
  const suite = storeSuite({
    async place() {
      const store = storeAround(new MemoryStore(), (session) => ({
        write: async (changes) => {
          await undefined;
          return session.write(changes);
        },
      }));
      return { store: () => store, dispose: async () => {} };
    },
  });
  const copying = suite.find(({ name }) => name.startsWith("values belong to the caller"));
  await expect(copying?.run()).rejects.toThrow("byte 1 of record 1");
});
