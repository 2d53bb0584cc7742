// What the whole client does beyond the suite of both clients.
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("a client connects with the assigned identifier again after disconnect and connect", async () => {
  const bench = new Bench();
  const assigned = { properties: { assignedClientIdentifier: "from-server" } };
  const { client } = await bench.online({ clientId: "" }, assigned);
  await bench.passing(client.disconnect());
  const peer = await bench.connected(client);
  expect(peer.received[0]).toMatchObject({ clientId: "from-server" });
  expect(client.clientId).toBe("from-server");
});

test("an HTTP server says so", async () => {
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

test("credentials of the URL that cannot be sent: the connection is not left open", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create({}, "mqtt://a%00b:secret@server").connect());
  const peer = await bench.server.next();
  await bench.clock.tick();
  expect(outcome.error).toMatchObject({ name: "UsageError", code: "STRING_INVALID" });
  expect(String(outcome.error)).not.toMatch(/secret/);
  expect(peer.isClosed).toBe(true);
});
