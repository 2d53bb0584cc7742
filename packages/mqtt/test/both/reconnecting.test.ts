import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

interface Reconnecting {
  readonly attempt: number;
  readonly delay: number;
}

const reconnecting = (events: readonly { name: string; value: unknown }[]): Reconnecting[] =>
  events.filter(({ name }) => name === "reconnecting").map(({ value }) => value as Reconnecting);

describe.each(clients)("the $name client", ({ createBench, connectsAgain, tellsTakeOver, versions, words }) => {
  test("a lost connection, the delay and the new connection are reported, with the same words as the full client's", async () => {
    const { bench, peer, events } = await createBench().online();
    await bench.reconnected(peer);
    const error = expect.objectContaining({ name: "TransportError", code: "CONNECTION_LOST" });
    expect(events).toEqual([
      { name: "disconnected", value: { error } },
      { name: "reconnecting", value: { attempt: 1, delay: expect.any(Number), error } },
      {
        name: "connected",
        value: {
          server: "mqtt://server:1883",
          protocolVersion: 5,
          clientId: "c1",
          sessionPresent: false,
          properties: {},
        },
      },
    ]);
  });

  test("the delays grow up to their maximum, and events report them", async () => {
    const { bench, client, peer, events } = await createBench(
      (attempt) => ({ refused: attempt > 0 && attempt < 8 }),
      7,
    ).online({ reconnect: { initialDelay: 100, maximumDelay: 1_000 } });
    const times: number[] = [];
    client.on("reconnecting", () => times.push(bench.clock.now()));
    client.on("connected", () => times.push(bench.clock.now()));
    await bench.reconnected(peer);
    await bench.clock.tick();
    const waits = reconnecting(events);
    expect(waits.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    waits.forEach(({ delay }, i) => {
      expect(delay).toBeLessThanOrEqual(Math.min(1_000, 100 * 2 ** i));
      expect((times[i + 1] as number) - (times[i] as number)).toBeCloseTo(delay, 3);
    });
    expect(events.map(({ name }) => name)).toEqual(["disconnected", ...Array(8).fill("reconnecting"), "connected"]);
  });

  test("the delays start again after a connection that lasted", async () => {
    const { bench, peer, events } = await createBench().online();
    const second = await bench.reconnected(peer);
    await bench.clock.advance(5_000);
    await bench.reconnected(second);
    expect(reconnecting(events).map(({ attempt }) => attempt)).toEqual([1, 1]);
  });

  test("the delays differ from client to client", async () => {
    const delays: number[] = [];
    for (let seed = 0; seed < 5; seed++) {
      const { bench, client, peer } = await createBench(() => ({}), seed).online();
      client.on("reconnecting", ({ delay }) => delays.push(delay));
      peer.cut();
      await bench.clock.tick();
    }
    expect(new Set(delays).size).toBe(5);
  });

  test("the delays keep growing while the connection flaps, so that the client never reconnects in a tight loop", async () => {
    const { bench, peer } = await createBench().online({ reconnect: { initialDelay: 1_000, maximumDelay: 60_000 } });
    const began = bench.clock.now();
    peer.cut();
    for (let i = 0; i < 9; i++) (await bench.acceptAgain()).cut();
    await bench.acceptAgain();
    expect(bench.clock.now() - began).toBeGreaterThan(0.1 * (1 + 2 + 4 + 8 + 16 + 32 + 60 * 4) * 1_000);
    expect(bench.dialled).toHaveLength(11);
  });

  describe("the client stops reconnecting", () => {
    test("after maximumAttempts in a row, with one event, and settles what was pending", async () => {
      const { bench, client, peer, events } = await createBench((attempt) => ({ refused: attempt > 0 })).online({
        reconnect: { maximumAttempts: 3 },
      });
      const pending = watch(client.publish("a", "b", { qos: 1 }));
      const subscribing = watch(client.subscribe("a"));
      peer.cut();
      await bench.clock.advance(1_000_000);
      expect(bench.dialled).toHaveLength(4);
      expect(events.map(({ name }) => name)).toEqual([
        "disconnected",
        "reconnecting",
        "reconnecting",
        "reconnecting",
        "closed",
      ]);
      expect(events.at(-1)?.value).toMatchObject({ error: { code: "CONNECTION_FAILED" } });
      for (const outcome of [pending, subscribing])
        expect(outcome.error).toMatchObject({ code: "CLIENT_CLOSED", cause: { code: "CONNECTION_FAILED" } });
    });

    test("with reconnect false at the first lost connection, and settles everything", async () => {
      const { bench, client, peer, events } = await createBench().online({ reconnect: false });
      peer.cut();
      await bench.clock.tick();
      for (const outcome of [
        watch(client.publish("a", "b")),
        watch(client.subscribe("a")),
        watch(client.unsubscribe("a")),
        ...(connectsAgain ? [] : [watch(client.connect())]),
      ]) {
        await bench.clock.tick();
        expect(outcome.error).toMatchObject({ code: "CLIENT_CLOSED" });
      }
      await client.disconnect();
      expect(events).toMatchObject([
        { name: "disconnected", value: { error: { code: "CONNECTION_LOST" } } },
        { name: "closed", value: { error: { code: "CONNECTION_LOST" } } },
      ]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("when another client takes over the session", async () => {
      const { bench, client, peer } = await createBench().online({ clientId: "kitchen" });
      await bench.clock.advance(60_000);
      const events = bench.recordEvents(client);
      const pending = watch(client.publish("a", "b", { qos: 1 }));
      peer.send({ type: "disconnect", reasonCode: 0x8e });
      await bench.clock.advance(1_000_000);
      const message = expect.stringContaining('"kitchen"');
      const error = { name: "RefusedError", code: "TAKEN_OVER", reasonCode: 0x8e, message };
      expect(events).toMatchObject([
        { name: "disconnected" },
        ...(tellsTakeOver ? [{ name: "takenOver", value: { clientId: "kitchen", certain: true, error } }] : []),
        { name: "closed", value: { error } },
      ]);
      expect(pending.error).toMatchObject({ code: "CLIENT_CLOSED", cause: { code: "TAKEN_OVER" } });
      expect(bench.dialled).toHaveLength(1);
      expect(peer.isClosed).toBe(true);
    });

    test("but not at a DISCONNECT for another reason", async () => {
      const { bench, client, peer, events } = await createBench().online();
      peer.send({ type: "disconnect", reasonCode: 0x8b, properties: { reasonString: "tea" } });
      await bench.acceptAgain();
      expect(client.connected).toBe(true);
      expect(events.map(({ name }) => name)).toEqual(["disconnected", "reconnecting", "connected"]);
      const message = expect.stringContaining(words(0x8b, "shutting down"));
      const error = { code: "DISCONNECTED_BY_SERVER", reasonCode: 0x8b, reasonString: "tea", message };
      expect(events[0]?.value).toMatchObject({ error });
    });

    test("without counting attempts before a connection that lasted", async () => {
      const { bench, client, peer } = await createBench().online({ reconnect: { maximumAttempts: 1 } });
      let current = peer;
      for (let i = 0; i < 3; i++) {
        await bench.clock.advance(10_000);
        current = await bench.reconnected(current);
      }
      expect(client.connected).toBe(true);
    });

    test.each([
      [5, 0x84],
      [5, 0x85],
      [5, 0x8c],
      [4, 1],
    ] as const)("at a permanent refusal: version %i, code %i", async (protocolVersion, code) => {
      const { bench, peer, events } = await createBench().online({ protocolVersion });
      await bench.reconnected(peer, { reasonCode: code });
      await bench.clock.advance(1_000_000);
      expect(bench.dialled).toHaveLength(2);
      expect(events.at(-1)).toMatchObject({ name: "closed", value: { error: { reasonCode: code } } });
    });

    test.each([
      [5, 0x88],
      [5, 0x89],
      [5, 0x97],
      [4, 3],
    ] as const)("but not at a temporary refusal: version %i, code %i", async (protocolVersion, code) => {
      const { bench, client, peer } = await createBench().online({ protocolVersion });
      await bench.reconnected(peer, { reasonCode: code });
      await bench.acceptAgain();
      expect(client.connected).toBe(true);
    });
  });

  test("disconnect during a delay ends the delay", async () => {
    const { bench, client, peer } = await createBench().online();
    peer.cut();
    await bench.clock.tick();
    await client.disconnect();
    expect(bench.clock.nextTimer).toBe(Infinity);
    expect(bench.dialled).toHaveLength(1);
  });

  test.each(versions)(
    "a clean start is requested if no session outlives its connection, here on version %i",
    async (version) => {
      const bench = createBench();
      const properties = { sessionExpiryInterval: 0 };
      const { peer } = await bench.online({ protocolVersion: version, properties });
      expect(peer.received[0]).toMatchObject({ cleanStart: true });
      peer.cut();
      expect((await bench.acceptAgain()).received[0]).toMatchObject({ cleanStart: true });
    },
  );

  test.each(versions)(
    "with cleanStart true, no CONNECT may end a session that outlives connections: version %i",
    async (protocolVersion) => {
      const { bench, peer } = await createBench().online({ protocolVersion });
      const cleanStart = protocolVersion < 5;
      expect(peer.received[0]).toMatchObject({ cleanStart });
      const again = await bench.reconnected(peer);
      expect(again.received[0]).toMatchObject({ cleanStart });
    },
  );
});
