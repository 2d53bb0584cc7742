import { describe, expect, test } from "vitest";
import { Bench } from "./bench.ts";

describe("a takeover by another client", () => {
  test.each([3, 4] as const)(
    "is recognised by its pattern on version %i, which does not report it",
    async (protocolVersion) => {
      const { bench, client, peer, events } = await new Bench().online({ protocolVersion, clientId: "kitchen" });
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
    },
  );

  test("is not suspected when the connection breaks instead of being closed", async () => {
    let { bench, peer, events } = await new Bench().online({ protocolVersion: 4 });
    for (let i = 0; i < 4; i++) peer = await bench.reconnected(peer);
    expect(events.filter(({ name }) => name === "takenOver")).toEqual([]);
  });

  test("once suspected, makes the delays grow to their limit although connections last a while", async () => {
    const bench = new Bench();
    const reconnect = { initialDelay: 1_000, maximumDelay: 30_000 };
    let { client, peer } = await bench.online({ protocolVersion: 4, reconnect });
    const delays: number[] = [];
    client.on("reconnecting", ({ delay }) => delays.push(delay));
    for (let i = 0; i < 40; i++) {
      if (i >= 2) await bench.clock.advance(20_000); // until the other client's delay is over
      peer.close();
      peer = await bench.acceptAgain();
    }
    const average = delays.slice(10).reduce((sum, delay) => sum + delay, 0) / (delays.length - 10);
    expect(average).toBeGreaterThan(10_000);
  });

  test("is not suspected when connections lasted", async () => {
    let { bench, peer, events } = await new Bench().online({ protocolVersion: 4 });
    for (let i = 0; i < 4; i++) {
      await bench.clock.advance(6_000);
      peer = await bench.reconnected(peer);
    }
    expect(events.filter(({ name }) => name === "takenOver")).toEqual([]);
  });
});
