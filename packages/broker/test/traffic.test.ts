// The broker counts what passes through it.
import { expect, test } from "vitest";
import { Bench, disconnect, kept, message, receive, subscribe } from "./bench.ts";

test.each([0, 1, 2] as const)("counts messages at QoS %i, received and delivered", async (qos) => {
  const bench = new Bench();
  const one = await bench.connect("one");
  const two = await bench.connect("two");
  for (const peer of [one, two]) await subscribe(peer, "x", { qos });
  one.send(message("x", "12345", { qos, packetIdentifier: qos === 0 ? 0 : 1 }));
  for (const peer of [one, two]) {
    await peer.expect("publish").then(({ packetIdentifier }) => {
      if (qos === 1) peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      if (qos === 2) peer.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
      if (qos === 2) peer.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
    });
  }
  await bench.clock.settle();
  expect(bench.hub.statistics).toMatchObject({
    messagesReceived: 1,
    payloadBytesReceived: 5,
    messagesDelivered: 2,
    payloadBytesDelivered: 10,
    messagesDropped: 0,
  });
});

test("counts bytes and packets of all connections, and connections", async () => {
  const bench = new Bench();
  const peer = await bench.connect("a", { protocolVersion: 4 });
  await bench.clock.settle();
  const before = bench.hub.statistics;
  expect(before).toMatchObject({ acceptedConnections: 1, connectedClients: 1, packetsReceived: 1, bytesSent: 4 });
  peer.send({ type: "pingreq" });
  await peer.expect("pingresp");
  expect(bench.hub.statistics).toMatchObject({
    packetsReceived: 2,
    bytesReceived: before.bytesReceived + 2,
    bytesSent: before.bytesSent + 2,
  });
  peer.close();
  await bench.clock.settle();
  expect(bench.hub.statistics).toMatchObject({ acceptedConnections: 1, connectedClients: 0 });
});

test("a client that takes over its session counts once", async () => {
  const bench = new Bench();
  await bench.connect("a", kept);
  await bench.connect("a", kept);
  await bench.clock.settle();
  expect(bench.hub.statistics).toMatchObject({ acceptedConnections: 2, connectedClients: 1, sessions: 1 });
});

test("counts sessions that expired, and messages that were dropped", async () => {
  const bench = new Bench({ outbox: { maximumCount: 1 } });
  const peer = await bench.connect("a", kept);
  await subscribe(peer, "x");
  peer.send(disconnect);
  const from = await bench.connect("b");
  for (let packetIdentifier = 1; packetIdentifier < 4; packetIdentifier++)
    from.send(message("x", "1", { qos: 1, packetIdentifier }));
  await bench.clock.settle();
  expect(bench.hub.statistics).toMatchObject({ messagesDropped: 2, expiredSessions: 0 });
  await bench.clock.advance(1_001_000);
  expect(bench.hub.statistics).toMatchObject({ expiredSessions: 1, messagesDelivered: 0 });
});

test("a session that ends with its connection has not expired", async () => {
  const bench = new Bench();
  const peer = await bench.connect("a");
  await subscribe(peer, "x");
  peer.send(message("x", "1"));
  expect(await receive(peer)).toBe("x=1 q0");
  peer.send(disconnect);
  await bench.clock.settle();
  expect(bench.hub.statistics).toMatchObject({ expiredSessions: 0, sessions: 0 });
});
