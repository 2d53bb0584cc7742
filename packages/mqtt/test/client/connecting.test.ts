// What the whole client does beyond the suite of both clients.
import { type ConnectOptions, connect, createClient } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("a client connects with an identifier of 20 characters made at random, the same at each connection", async () => {
  const bench = new Bench();
  const client = createClient("mqtt://server", { platform: bench.platform, protocolVersion: 3 });
  const connecting = client.connect();
  const peer = await bench.accept();
  await connecting;
  expect(client.clientId).toMatch(/^aiko[0-9a-z]{16}$/);
  peer.cut();
  const again = await bench.acceptAgain();
  expect(again.received[0]).toMatchObject({ clientId: client.clientId });
});

test("a client connects with the assigned identifier again after disconnect and connect", async () => {
  const bench = new Bench();
  const assigned = { properties: { assignedClientIdentifier: "from-server" } };
  const { client } = await bench.online({ clientId: "" }, assigned);
  await bench.passing(client.disconnect());
  const connecting = client.connect();
  const peer = await bench.accept();
  await connecting;
  expect(peer.received[0]).toMatchObject({ clientId: "from-server" });
  expect(client.clientId).toBe("from-server");
});

test("an HTTP server says so", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create().connect());
  const peer = await bench.server.next();
  await peer.expect("connect");
  peer.send(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await bench.clock.tick();
  expect(outcome.error).toMatchObject({
    name: "ProtocolError",
    code: "MALFORMED_PACKET",
    message:
      "mqtt://server:1883 does not answer as an MQTT server does: it speaks HTTP; for a WebSocket the URL begins with ws:",
  });
});

test("aborting while CONNACK is awaited: closed at once, no further version or server", async () => {
  const bench = new Bench();
  const abort = new AbortController();
  const client = bench.create({ protocolVersion: "auto" }, ["mqtt://one", "mqtt://two"]);
  const outcome = watch(client.connect({ signal: abort.signal }));
  const peer = await bench.server.next();
  await peer.expect("connect");
  abort.abort();
  await bench.clock.tick();
  expect(outcome.error).toMatchObject({ name: "AbortError", code: "ABORTED" });
  expect(peer.isClosed).toBe(true);
  expect(bench.dialled).toEqual(["one"]);
});

test("aborting before connecting: nothing is dialled", async () => {
  const bench = new Bench();
  const options: ConnectOptions = { platform: bench.platform, signal: AbortSignal.abort("why") };
  await expect(connect("mqtt://server", options)).rejects.toMatchObject({ code: "ABORTED", cause: "why" });
  expect(bench.dialled).toEqual([]);
});

test("credentials of the URL that cannot be sent: the connection is not left open", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create({}, "mqtt://a%00b:secret@server").connect());
  const peer = await bench.server.next();
  await bench.clock.tick();
  expect(outcome.error).toMatchObject({ name: "UsageError", code: "STRING_INVALID" });
  expect(String(outcome.error)).not.toMatch(/secret/);
  expect(peer.isClosed).toBe(true);
});
