import { describe, expect, test } from "vitest";
import { Bench, recordEvents, watch } from "./bench.ts";

describe("taken over by another client", () => {
  test("as the server says (0x8E): the event names the client identifier, and there is no reconnecting", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ clientId: "kitchen" });
    await bench.clock.advance(60_000);
    const events = recordEvents(client);
    const pending = watch(client.publish("a", "b", { qos: 1 }));
    peer.send({ type: "disconnect", reasonCode: 0x8e });
    await bench.clock.advance(1_000_000);
    expect(events.map(({ name }) => name)).toEqual(["disconnected", "takenOver", "closed"]);
    expect(events[1]?.value).toMatchObject({
      clientId: "kitchen",
      certain: true,
      error: {
        name: "RefusedError",
        code: "TAKEN_OVER",
        reasonCode: 0x8e,
        message: expect.stringMatching(/"kitchen".*of its own/),
      },
    });
    expect(events[2]?.value).toMatchObject({ error: { code: "TAKEN_OVER" } });
    expect(pending.error).toMatchObject({ code: "CLIENT_CLOSED", cause: { code: "TAKEN_OVER" } });
    expect(bench.dialled).toHaveLength(1);
    expect(peer.isClosed).toBe(true);
  });

  test("in the first minute: comes back three times, since an earlier process's CONNECT may be late", async () => {
    const bench = new Bench();
    let { client, peer } = await bench.online({ clientId: "kitchen" });
    const events = recordEvents(client);
    for (let i = 0; i < 3; i++) {
      peer.send({ type: "disconnect", reasonCode: 0x8e });
      peer = await bench.acceptAgain({ sessionPresent: true });
    }
    peer.send({ type: "disconnect", reasonCode: 0x8e });
    await bench.clock.advance(100_000);
    const taken = events.filter(({ name }) => name === "takenOver");
    expect(taken.map(({ value }) => (value as { certain: boolean }).certain)).toEqual([false, false, false, true]);
    expect(events.at(-1)).toMatchObject({ name: "closed", value: { error: { code: "TAKEN_OVER" } } });
    expect(bench.dialled).toHaveLength(4);
  });

  test("by a CONNECT of its own that was given up and reached the server late: comes back, at any time", async () => {
    const bench = new Bench();
    const client = bench.create();
    const first = watch(client.connect());
    await (await bench.server.next()).expect("connect");
    await bench.clock.advance(10_000);
    expect(first.error).toMatchObject({ code: "CONNECT_TIMEOUT" });
    const connecting = client.connect();
    const peer = await bench.accept();
    await connecting;
    await bench.clock.advance(100_000);
    const events = recordEvents(client);
    peer.send({ type: "disconnect", reasonCode: 0x8e });
    await bench.acceptAgain({ sessionPresent: true });
    expect(events.map(({ name }) => name)).toEqual(["disconnected", "reconnecting", "connected"]);
  });

  test.each([3, 4] as const)("as its pattern tells on version %i, which does not say so", async (protocolVersion) => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ protocolVersion, clientId: "kitchen" });
    const events = recordEvents(client);
    const taken = () => events.filter(({ name }) => name === "takenOver");
    peer.close();
    const second = await bench.acceptAgain();
    expect(taken()).toEqual([]);
    second.close();
    await bench.acceptAgain();
    expect(taken()).toMatchObject([
      {
        value: {
          clientId: "kitchen",
          certain: false,
          error: { code: "TAKEN_OVER", message: expect.stringMatching(/"kitchen"/) },
        },
      },
    ]);
    expect(client.connected).toBe(true);
  });

  test("not suspected when the link breaks instead of being closed", async () => {
    const bench = new Bench();
    let { client, peer } = await bench.online({ protocolVersion: 4 });
    const events = recordEvents(client);
    for (let i = 0; i < 4; i++) {
      peer.cut();
      peer = await bench.acceptAgain();
    }
    expect(events.filter(({ name }) => name === "takenOver")).toEqual([]);
  });

  test("once suspected, waits grow to their bound although connections last a while", async () => {
    const bench = new Bench();
    const reconnect = { initialDelay: 1_000, maximumDelay: 30_000 };
    let { client, peer } = await bench.online({ protocolVersion: 4, reconnect });
    const delays: number[] = [];
    client.on("reconnecting", ({ delay }) => delays.push(delay));
    for (let i = 0; i < 40; i++) {
      if (i >= 2) await bench.clock.advance(20_000); // until the other client's wait is over
      peer.close();
      peer = await bench.acceptAgain();
    }
    const average = delays.slice(10).reduce((sum, delay) => sum + delay, 0) / (delays.length - 10);
    expect(average).toBeGreaterThan(10_000);
  });

  test("not suspected when connections lasted", async () => {
    const bench = new Bench();
    let { client, peer } = await bench.online({ protocolVersion: 4 });
    const events = recordEvents(client);
    for (let i = 0; i < 4; i++) {
      await bench.clock.advance(6_000);
      peer.cut();
      peer = await bench.acceptAgain();
    }
    expect(events.filter(({ name }) => name === "takenOver")).toEqual([]);
  });
});

test("a server that says goodbye for another reason is come back to", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const events = recordEvents(client);
  peer.send({ type: "disconnect", reasonCode: 0x8b, properties: { reasonString: "update" } });
  await bench.acceptAgain();
  expect(events.map(({ name }) => name)).toEqual(["disconnected", "reconnecting", "connected"]);
  expect(events[0]?.value).toMatchObject({
    error: {
      code: "DISCONNECTED_BY_SERVER",
      reasonCode: 0x8b,
      reasonString: "update",
      message: expect.stringMatching(/shutting down/),
    },
  });
});
