// Servers that break the protocol in ways that common ones do, and what the client makes of it.
import { describe, expect, test } from "vitest";
import { Bench, message, recordEvents, subscribed, watch } from "./bench.ts";

describe("a server that does not keep the receive maximum, as mosquitto 2.0.11 after the first PUBACK", () => {
  async function overrun(qos: 1 | 2) {
    const bench = new Bench();
    const { client, peer } = await bench.online({ properties: { receiveMaximum: 5 } });
    const reports: unknown[] = [];
    client.on("receiveMaximumExceeded", (report) => reports.push(report));
    const handled: string[] = [];
    const finish: (() => void)[] = [];
    const onMessage = (each: { text(): string }) => {
      handled.push(each.text());
      return new Promise<void>((resolve) => finish.push(resolve));
    };
    await subscribed(bench, client, peer, "a", { onMessage });
    for (let i = 1; i <= 500; i++) peer.send(message("a", String(i), qos, i));
    await bench.clock.tick();
    return { bench, client, peer, reports, handled, finish };
  }

  test.each([1, 2] as const)("has all its messages handled: 500 at QoS %i", async (qos) => {
    const { bench, client, peer, reports, handled, finish } = await overrun(qos);
    for (let i = 0; i < 500; i++) {
      finish[i]?.();
      await bench.clock.tick();
    }
    expect(handled).toEqual(Array.from({ length: 500 }, (_, i) => String(i + 1)));
    expect(client.connected).toBe(true);
    expect(peer.received.filter(({ type }) => type === (qos === 1 ? "puback" : "pubrec"))).toHaveLength(500);
    expect(reports).toEqual([{ receiveMaximum: 5 }]);
    expect(client.statistics.beyondReceiveMaximum).toBe(495);
  });

  test("is reported again over the next connection", async () => {
    const { bench, peer, reports } = await overrun(1);
    peer.cut();
    const again = await bench.acceptAgain({ sessionPresent: true });
    for (let i = 1; i <= 7; i++) again.send(message("a", String(i), 1, i));
    await bench.clock.tick();
    expect(reports).toHaveLength(2);
  });

  test("is not reported for a server that keeps it", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ properties: { receiveMaximum: 5 } });
    const reports: unknown[] = [];
    client.on("receiveMaximumExceeded", (report) => reports.push(report));
    await subscribed(bench, client, peer, "a", { onMessage: () => new Promise(() => undefined) });
    for (let i = 1; i <= 5; i++) peer.send(message("a", String(i), 1, i));
    await bench.clock.tick();
    expect(reports).toEqual([]);
    expect(client.statistics.beyondReceiveMaximum).toBe(0);
  });
});

describe("connections that end soon after they are accepted, again and again", () => {
  test("are made less and less often, and reported with what they end with", async () => {
    const bench = new Bench();
    let { client, peer } = await bench.online();
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
    const bench = new Bench();
    let { client, peer } = await bench.online();
    const reports: unknown[] = [];
    client.on("unstable", (report) => reports.push(report));
    for (let i = 0; i < 20; i++) {
      await bench.clock.advance(5_000);
      peer.cut();
      peer = await bench.acceptAgain();
    }
    expect(reports).toEqual([]);
  });
});

test("a listener of these events that throws is an error event", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ properties: { receiveMaximum: 1 } });
  const events = recordEvents(client);
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
