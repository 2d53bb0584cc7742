// A client that was accepted and is refused when it reconnects; and a closed client that connects again.
import { describe, expect, test } from "vitest";
import { Bench, message, subscribed, watch } from "./bench.ts";

const DAY = 86_400_000;

describe("a client that was accepted before and is refused when it reconnects", () => {
  test.each([
    [undefined, DAY],
    [10_000, 10_000],
    [0, 0],
  ])("is closed when maximumRefusal %s has passed", async (maximumRefusal, bound) => {
    const { bench, client, peer } = await new Bench().online({ reconnect: { maximumRefusal } });
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

  test("starts counting again after a connection", async () => {
    const { bench, client, peer } = await new Bench().online({ reconnect: { maximumRefusal: 100_000 } });
    let current = peer;
    for (let i = 0; i < 5; i++) {
      await bench.reconnected(current, { reasonCode: 0x87 });
      current = await bench.acceptAgain();
      await bench.clock.advance(50_000);
    }
    expect(client.connected).toBe(true);
  });
});

describe("a client that is closed", () => {
  test("by disconnect can connect again, with its listeners and its identifier", async () => {
    const bench = new Bench();
    const client = bench.create({ clientId: undefined });
    const events = bench.recordEvents(client);
    await bench.connected(client);
    const { clientId } = client;
    await bench.passing(client.disconnect());
    const peer = await bench.connected(client);
    expect(peer.received[0]).toMatchObject({ type: "connect", clientId });
    expect(events.map(({ name }) => name)).toEqual(["connected", "closed", "connected"]);
    const messages: string[] = [];
    await subscribed(bench, client, peer, "a", { onMessage: (each) => messages.push(each.text()) });
    await bench.deliver(peer, message("a", "1"));
    expect(messages).toEqual(["1"]);
    watch(client.publish("t", "x"));
    await peer.expect("publish");
  });

  test("because it stopped reconnecting can connect again, and reconnects after that", async () => {
    const { bench, client, peer } = await new Bench().online({ reconnect: { maximumRefusal: 0 } });
    await bench.reconnected(peer, { reasonCode: 0x87 });
    await bench.clock.tick();
    await expect(client.publish("t", "x")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    const second = await bench.connected(client);
    expect(client.connected).toBe(true);
    await bench.reconnected(second);
    expect(client.connected).toBe(true);
  });

  test("does not restore subscriptions and messages that ended with it", async () => {
    const { bench, client, peer } = await new Bench().online();
    await subscribed(bench, client, peer, "a");
    const lost = watch(client.publish("t", "x", { qos: 1 }));
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(lost.error).toMatchObject({ code: "CLIENT_CLOSED" });
    const again = await bench.connected(client);
    await again.expectNothing();
    expect(client.statistics).toMatchObject({ subscriptions: 0, pendingPublishes: 0 });
  });

  test("accepts no calls before it is connected again", async () => {
    const { bench, client } = await new Bench().online();
    await bench.passing(client.disconnect());
    for (const call of [client.publish("t", "x"), client.subscribe("f"), client.unsubscribe("f")])
      await expect(call).rejects.toMatchObject({
        code: "CLIENT_CLOSED",
        message: expect.stringMatching(/connect\(\)/),
      });
  });
});
