// A client that was accepted, and is refused when it comes back; and a client that is closed, and connects again.
import { describe, expect, test } from "vitest";
import { Bench, message, recordEvents, subscribed, watch } from "./bench.ts";

const DAY = 86_400_000;

describe("a client that was accepted before and is refused when it reconnects", () => {
  test.each([
    [5, 0x86],
    [5, 0x87],
    [5, 0x8a],
    [4, 2],
    [4, 4],
    [4, 5],
    [3, 5],
  ] as const)(
    "keeps trying, slowly, and keeps what is queued and subscribed: version %i, code %i",
    async (protocolVersion, reasonCode) => {
      const bench = new Bench();
      const { client, peer } = await bench.online({ protocolVersion });
      const delays: number[] = [];
      client.on("reconnecting", ({ delay }) => delays.push(delay));
      await subscribed(bench, client, peer, "f", { qos: 1 });
      peer.cut();
      await bench.clock.tick();
      const published = watch(client.publish("t", "x", { qos: 1 }));
      for (let i = 0; i < 20; i++) await bench.acceptAgain({ reasonCode });
      expect(delays.slice(1).reduce((sum, each) => sum + each, 0) / 20).toBeGreaterThan(20_000);
      const again = await bench.acceptAgain();
      expect(await again.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "f" }] });
      const { packetIdentifier } = await again.expect("publish");
      again.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await bench.clock.tick();
      expect([published.settled, client.connected]).toEqual([1, true]);
    },
  );

  test.each([
    [undefined, DAY],
    [10_000, 10_000],
    [0, 0],
  ])("is closed when maximumRefusal %s is over", async (maximumRefusal, bound) => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ reconnect: { maximumRefusal } });
    const closed = watch(new Promise((resolve) => client.on("closed", resolve)));
    peer.cut();
    let first = 0;
    while (closed.settled === 0) {
      await bench.acceptAgain({ reasonCode: 0x87 });
      first ||= bench.clock.now();
      await bench.clock.tick();
    }
    expect(bench.clock.now() - first).toBeGreaterThanOrEqual(bound);
    expect(bench.clock.now() - first).toBeLessThan(bound + 60_000);
    expect(closed.value).toMatchObject({ error: { code: "CONNECT_REFUSED", reasonCode: 0x87 } });
  });

  test("begins to count anew after a connection", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ reconnect: { maximumRefusal: 100_000 } });
    let current = peer;
    for (let i = 0; i < 5; i++) {
      current.cut();
      await bench.acceptAgain({ reasonCode: 0x87 });
      current = await bench.acceptAgain();
      await bench.clock.advance(50_000);
    }
    expect(client.connected).toBe(true);
  });
});

describe("a client that is closed", () => {
  test("by disconnect connects again, with its listeners and its identifier", async () => {
    const bench = new Bench();
    const client = bench.create({ clientId: undefined });
    const events = recordEvents(client);
    const connecting = client.connect();
    await bench.accept();
    await connecting;
    const { clientId } = client;
    await bench.passing(client.disconnect());
    const again = client.connect();
    const peer = await bench.accept();
    await again;
    expect(peer.received[0]).toMatchObject({ type: "connect", clientId });
    expect(events.map(({ name }) => name)).toEqual(["connected", "closed", "connected"]);
    const messages: string[] = [];
    await subscribed(bench, client, peer, "a", { onMessage: (each) => messages.push(each.text()) });
    peer.send(message("a", "1"));
    await bench.clock.tick();
    expect(messages).toEqual(["1"]);
    watch(client.publish("t", "x"));
    await peer.expect("publish");
  });

  test("because it gave up connects again, and reconnects after that", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ reconnect: { maximumRefusal: 0 } });
    peer.cut();
    await bench.acceptAgain({ reasonCode: 0x87 });
    await bench.clock.tick();
    await expect(client.publish("t", "x")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    const connecting = client.connect();
    const second = await bench.accept();
    await connecting;
    expect(client.connected).toBe(true);
    second.cut();
    await bench.acceptAgain();
    expect(client.connected).toBe(true);
  });

  test("does not bring back subscriptions and messages that ended with it", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    await subscribed(bench, client, peer, "a");
    const lost = watch(client.publish("t", "x", { qos: 1 }));
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(lost.error).toMatchObject({ code: "CLIENT_CLOSED" });
    const connecting = client.connect();
    const again = await bench.accept();
    await connecting;
    await again.expectNothing();
    expect(client.statistics).toMatchObject({ subscriptions: 0, pendingPublishes: 0 });
  });

  test("takes nothing before it is connected again", async () => {
    const bench = new Bench();
    const { client } = await bench.online();
    await bench.passing(client.disconnect());
    for (const call of [client.publish("t", "x"), client.subscribe("f"), client.unsubscribe("f")])
      await expect(call).rejects.toMatchObject({
        code: "CLIENT_CLOSED",
        message: expect.stringMatching(/connect\(\)/),
      });
  });
});
