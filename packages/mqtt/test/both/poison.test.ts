// A server that ends the connection whenever it receives one particular message: how both clients react.
import type { SmallClient, SmallOptions } from "@aiko/mqtt/small";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { answer, type ClientBench, clients, type Outcome, watch } from "./clients.ts";

/** How the server ends a connection. */
type End = "closes" | "resets" | number;

/** Answers all packets except those of one topic. Resolves when the connection ends or no more packets arrive. */
async function serve(bench: ClientBench, peer: ScriptedPeer, end: End): Promise<void> {
  for (let at = 0, quiet = 0; quiet < 20 && !peer.isClosed; ) {
    const packet = peer.received[at];
    if (packet === undefined) {
      quiet++;
      await bench.clock.tick();
      continue;
    }
    at++;
    quiet = 0;
    if (packet.type === "publish" && packet.topic === "poison") {
      if (typeof end === "number") peer.send({ type: "disconnect", reasonCode: end });
      if (end === "resets") peer.cut();
      else peer.close();
      return;
    }
    answer(peer, packet);
  }
}

interface Run {
  readonly client: SmallClient;
  readonly outcomes: Map<string, Outcome<unknown>>;
  /** The time of each connection, in milliseconds. */
  readonly connections: number[];
}

/** Publishes around a message that the server does not accept, until every message has its outcome. */
async function run(
  bench: ClientBench,
  end: End,
  qos: 1 | 2,
  protocolVersion: 4 | 5,
  reconnect?: SmallOptions["reconnect"],
): Promise<Run> {
  const { client, peer } = await bench.online({ protocolVersion, cleanStart: protocolVersion === 5, reconnect });
  const began = bench.clock.now();
  const outcomes = new Map<string, Outcome<unknown>>();
  for (const topic of ["a", "b", "poison", "c", "d"]) outcomes.set(topic, watch(client.publish(topic, "", { qos })));
  const connections = [0];
  let current = peer;
  for (;;) {
    await serve(bench, current, end);
    if ([...outcomes.values()].every(({ settled }) => settled > 0)) break;
    if (connections.length > 50) throw new Error("it goes on for ever");
    current = await bench.acceptAgain({ sessionPresent: true });
    connections.push(bench.clock.now() - began);
  }
  return { client, outcomes, connections };
}

describe.each(clients)("the $name client", ({ createBench, namedCause, facts }) => {
  describe.each([1, 2] as const)("a QoS %i message for which the server", (qos) => {
    test.each([
      ["closes", 4],
      ["closes", 5],
      ["resets", 4],
      ["resets", 5],
    ] as const)(
      "%s the connection: it fails after some connections, and the other messages are delivered: version %i",
      async (end, version) => {
        const { client, outcomes, connections } = await run(createBench(), end, qos, version);
        expect(outcomes.get("poison")?.error).toMatchObject({
          name: "TransportError",
          code: "PUBLISH_UNANSWERED",
          message: expect.stringMatching(/"poison"/),
          ...facts({ topic: "poison", mayHaveArrived: true }),
        });
        for (const topic of ["a", "b", "c", "d"]) expect(outcomes.get(topic)?.value).toMatchObject({ qos });
        expect(connections.length).toBeLessThanOrEqual(end === "closes" ? 20 : 24);
        expect(client.connected).toBe(true);
      },
    );

    test.each([0x87, 0x90, 0x95, 0x99, 0x9b])(
      "sends DISCONNECT with reason code %i fails at the second or third connection",
      async (reasonCode) => {
        const { outcomes, connections } = await run(createBench(), reasonCode, qos, 5);
        expect(outcomes.get("poison")?.error).toMatchObject({
          ...namedCause(reasonCode),
          ...facts({ mayHaveArrived: true }),
        });
        for (const topic of ["a", "b", "c", "d"]) expect(outcomes.get(topic)?.value).toMatchObject({ qos });
        expect(connections.length).toBeLessThanOrEqual(3);
      },
    );
  });

  test("the delays grow meanwhile", async () => {
    const reconnect = { initialDelay: 100, maximumDelay: 60_000 };
    const { connections } = await run(createBench(), "closes", 1, 4, reconnect);
    expect(connections.at(-1)).toBeGreaterThan(500);
  });

  test.each([
    ["break", (peer: ScriptedPeer) => peer.cut()],
    ["are silent", undefined],
  ] as const)(
    "connections that %s a few times before anything is acknowledged do not fail a message",
    async (_, end) => {
      const { bench, client, peer } = await createBench().online({
        protocolVersion: 5,
        cleanStart: true,
        keepAlive: 10,
      });
      const outcome = watch(client.publish("a", "", { qos: 1 }));
      let current = peer;
      for (let i = 0; i < (end ? 12 : 30); i++) {
        end?.(current);
        current = await bench.acceptAgain({ sessionPresent: true });
        await bench.clock.tick();
      }
      await serve(bench, current, "closes");
      expect(outcome.value).toMatchObject({ qos: 1 });
    },
  );

  test("attempts that end before CONNACK do not fail a message", async () => {
    const { bench, client, peer } = await createBench().online({ protocolVersion: 5, cleanStart: true });
    const outcome = watch(client.publish("a", "", { qos: 1 }));
    await peer.expect("publish");
    peer.close();
    for (let i = 0; i < 30; i++) {
      const attempt = await bench.passing(bench.server.next());
      await attempt.expect("connect");
      attempt.close();
    }
    const current = await bench.acceptAgain({ sessionPresent: true });
    expect(await current.expect("publish")).toMatchObject({ topic: "a" }); // at once, and not after PINGRESP
    current.close();
    await serve(bench, await bench.acceptAgain({ sessionPresent: true }), "closes");
    expect(outcome.value).toMatchObject({ qos: 1 });
  });

  test("a server that shuts down again and again does not fail a message", async () => {
    const { bench, client, peer } = await createBench().online();
    const outcome = watch(client.publish("a", "", { qos: 1 }));
    let current = peer;
    for (let i = 0; i < 10; i++) {
      await current.expect("publish");
      current.send({ type: "disconnect", reasonCode: 0x8b });
      current = await bench.acceptAgain({ sessionPresent: true });
    }
    await serve(bench, current, "closes");
    expect(outcome.value).toMatchObject({ qos: 1 });
  });
});
