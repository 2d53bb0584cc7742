// Common servers that break the protocol, and how the client reacts.
import { describe, expect, test } from "vitest";
import { Bench, message, subscribed, watch } from "./bench.ts";

describe("a server that exceeds the receive maximum, as mosquitto 2.0.11 does after the first PUBACK", () => {
  test("is reported once for each connection", async () => {
    const { bench, client, peer } = await new Bench().online({ properties: { receiveMaximum: 5 } });
    const reports: unknown[] = [];
    client.on("receiveMaximumExceeded", (report) => reports.push(report));
    await subscribed(bench, client, peer, "a", { onMessage: () => new Promise(() => undefined) });
    for (let i = 1; i <= 500; i++) peer.send(message("a", String(i), 1, i));
    await bench.clock.tick();
    expect(reports).toEqual([{ receiveMaximum: 5 }]);
    const again = await bench.reconnected(peer, { sessionPresent: true });
    for (let i = 1; i <= 7; i++) again.send(message("a", String(i), 1, i));
    await bench.clock.tick();
    expect(reports).toHaveLength(2);
  });

  test("is not reported if the server respects it", async () => {
    const { bench, client, peer } = await new Bench().online({ properties: { receiveMaximum: 5 } });
    const reports: unknown[] = [];
    client.on("receiveMaximumExceeded", (report) => reports.push(report));
    await subscribed(bench, client, peer, "a", { onMessage: () => new Promise(() => undefined) });
    for (let i = 1; i <= 5; i++) peer.send(message("a", String(i), 1, i));
    await bench.clock.tick();
    expect(reports).toEqual([]);
    expect(client.statistics.beyondReceiveMaximum).toBe(0);
  });
});

describe("repeated connections that end soon after they are accepted", () => {
  test("are made less and less often, and reported with the reason for their end", async () => {
    let { bench, client, peer } = await new Bench().online();
    const reports: unknown[] = [];
    client.on("unstable", ({ connections, error }) => reports.push([connections, error.code]));
    const delays: number[] = [];
    client.on("reconnecting", ({ delay }) => delays.push(delay));
    for (let i = 0; i < 20; i++) {
      peer.send(new Uint8Array([0, 0])); // not a packet
      peer = await bench.acceptAgain();
    }
    expect(reports).toEqual([3, 10, 20].map((connections) => [connections, "MALFORMED_PACKET"]));
    expect(Math.min(...delays.slice(8))).toBeGreaterThan(5_000);
  });

  test("are not reported while connections last", async () => {
    let { bench, client, peer } = await new Bench().online();
    const reports: unknown[] = [];
    client.on("unstable", (report) => reports.push(report));
    for (let i = 0; i < 20; i++) {
      await bench.clock.advance(5_000);
      peer = await bench.reconnected(peer);
    }
    expect(reports).toEqual([]);
  });
});

test("a listener of these events that throws causes an error event", async () => {
  const { bench, client, peer, events } = await new Bench().online({ properties: { receiveMaximum: 1 } });
  client.on("receiveMaximumExceeded", () => {
    throw new Error("listener");
  });
  watch(client.subscribe("a", { qos: 1, onMessage: () => new Promise(() => undefined) }));
  await peer.expect("subscribe");
  for (let i = 1; i <= 3; i++) peer.send(message("a", String(i), 1, i));
  await bench.clock.tick();
  expect(events.filter(({ name }) => name === "error")).toMatchObject([{ value: { message: "listener" } }]);
  expect(client.connected).toBe(true);
});
