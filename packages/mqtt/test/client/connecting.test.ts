// Features of the full client beyond the suite of both clients.
import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("after disconnect, connect uses the assigned identifier again", async () => {
  const bench = new Bench();
  const assigned = { properties: { assignedClientIdentifier: "from-server" } };
  const { client } = await bench.online({ clientId: "" }, assigned);
  await bench.passing(client.disconnect());
  const peer = await bench.connected(client);
  expect(peer.received[0]).toMatchObject({ clientId: "from-server" });
  expect(client.clientId).toBe("from-server");
});

test("an HTTP server is recognised and reported", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create().connect());
  const peer = await bench.server.next();
  await peer.expect("connect");
  await bench.deliver(peer, new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  expect(outcome.error).toMatchObject({
    name: "ProtocolError",
    code: "MALFORMED_PACKET",
    message:
      "mqtt://server:1883 did not answer with valid MQTT; check the port: the server speaks HTTP; for a WebSocket, use ws: or wss: in the URL",
  });
});

test("credentials of the URL that cannot be sent: the connection does not stay open", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create({}, "mqtt://a%00b:secret@server").connect());
  const peer = await bench.server.next();
  await bench.clock.tick();
  expect(outcome.error).toMatchObject({ name: "UsageError", code: "STRING_INVALID" });
  expect(String(outcome.error)).not.toMatch(/secret/);
  expect(peer.isClosed).toBe(true);
});

describe("with retry, the first connection", () => {
  const away = (times: number) => new Bench((attempt) => ({ refused: attempt < times }));

  test("is made when the server is available, after growing delays", async () => {
    const bench = away(3);
    const client = bench.create({ retry: true, reconnect: { initialDelay: 1_000 } });
    const events = bench.recordEvents(client);
    const publishing = watch(client.publish("a", "kept", { qos: 1 }));
    const connecting = watch(client.connect());
    const peer = await bench.acceptAgain();
    await bench.clock.tick();
    expect(connecting.value).toMatchObject({ sessionPresent: false });
    expect(events.map(({ name }) => name)).toEqual([...Array(3).fill("reconnecting"), "connected"]);
    expect(events[2]?.value).toMatchObject({ attempt: 3, error: { code: "CONNECTION_FAILED" } });
    const { packetIdentifier } = await peer.expect("publish");
    await bench.deliver(peer, { type: "puback", packetIdentifier, reasonCode: 0 });
    expect(publishing.value).toBeDefined();
    await bench.reconnected(peer);
  });

  test("may be requested in connect only", async () => {
    const bench = away(1);
    const client = bench.create();
    const connecting = watch(client.connect({ retry: true }));
    await bench.acceptAgain();
    await bench.clock.tick();
    expect(connecting.value).toBeDefined();
  });

  test("is not retried after a permanent refusal", async () => {
    const bench = new Bench();
    const connecting = watch(bench.create({ retry: true }).connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    await bench.deliver(peer, { type: "connack", sessionPresent: false, reasonCode: 0x86 });
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED" });
  });

  test("is retried after a temporary refusal", async () => {
    const bench = new Bench();
    const connecting = watch(bench.create({ retry: true }).connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    await bench.deliver(peer, { type: "connack", sessionPresent: false, reasonCode: 0x89 });
    await bench.acceptAgain();
    await bench.clock.tick();
    expect(connecting.value).toBeDefined();
  });

  test("fails after maximumAttempts, and at once if reconnect is false", async () => {
    const bench = away(Infinity);
    const connecting = watch(bench.create({ retry: true, reconnect: { maximumAttempts: 2 } }).connect());
    await bench.clock.advance(600_000);
    expect(connecting.error).toMatchObject({ code: "CONNECTION_FAILED" });
    expect(bench.dialled).toHaveLength(3);
    await expect(bench.create({ retry: true, reconnect: false }).connect()).rejects.toThrow("refused");
  });

  test("ends with its signal and with the client, and can be requested again", async () => {
    const bench = away(2);
    const controller = new AbortController();
    const client = bench.create({ retry: true });
    const connecting = watch(client.connect({ signal: controller.signal }));
    await bench.clock.tick();
    controller.abort();
    await bench.clock.tick();
    expect(connecting.error).toMatchObject({ code: "ABORTED" });
    const again = watch(client.connect());
    await bench.clock.tick();
    await bench.passing(client.disconnect());
    expect(again.error).toMatchObject({ code: "CLIENT_CLOSED" });
    expect(bench.clock.nextTimer).toBe(Infinity);
    await bench.connected(client);
  });

  test("can be ended by a listener of reconnecting", async () => {
    const bench = away(Infinity);
    const client = bench.create({ retry: true });
    client.on("reconnecting", () => client.disconnect());
    const connecting = watch(client.connect());
    await bench.clock.tick();
    expect(connecting.error).toMatchObject({ code: "CLIENT_CLOSED" });
  });
});
