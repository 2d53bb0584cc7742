import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench }) => {
  test("an idle client pings within its keep-alive", async () => {
    const { bench, client, peer } = await createBench().online({ keepAlive: 10 });
    for (let i = 0; i < 5; i++) {
      await bench.clock.advance(10_000);
      await bench.answer(peer, "pingreq");
    }
    await peer.expectNothing();
    expect(client.connected).toBe(true);
  });

  test("a server that does not answer is considered dead within 1.5 keep-alives, and the client reconnects", async () => {
    const { bench, client, events } = await createBench((attempt) =>
      attempt === 0 ? { vanish: { toClient: 1_000_000 } } : {},
    ).online({ keepAlive: 10 });
    const pending = watch(client.publish("a", "b", { qos: 1 }));
    bench.server.link.vanish();
    await bench.clock.advance(15_000);
    expect(events[0]).toMatchObject({
      name: "disconnected",
      value: { error: { name: "TimeoutError", code: "KEEP_ALIVE_TIMEOUT" } },
    });
    await bench.acceptAgain({ sessionPresent: true });
    expect(client.connected).toBe(true);
    expect(pending.settled).toBe(0);
  });

  test("with keep-alive 0 nothing is sent and the server is never considered dead", async () => {
    const { bench, client, peer } = await createBench().online({ keepAlive: 0 });
    await bench.clock.advance(100_000_000);
    await peer.expectNothing();
    expect(client.connected).toBe(true);
  });

  test("the default is 60 seconds; the server's value overrides it", async () => {
    const { bench, peer } = await createBench().online(
      { keepAlive: undefined },
      { properties: { serverKeepAlive: 10 } },
    );
    expect(peer.received[0]).toMatchObject({ keepAlive: 60 });
    await bench.clock.advance(10_000);
    await peer.expect("pingreq");
  });

  test("a connection uses one timer, however long it lasts", async () => {
    const { bench, client, peer } = await createBench().online({ keepAlive: 300 });
    for (let i = 0; i < 100; i++) {
      watch(client.publish("a", "", { qos: 1 }));
      await bench.answer(peer, "publish");
      await bench.clock.advance(10_000);
    }
    await bench.passing(client.disconnect());
    expect(bench.clock.nextTimer).toBe(Infinity);
  });
});
