// A server that ends the connection whenever it receives one particular message: how both clients react.
import type { Packet } from "@aiko/mqtt/codec";
import type { SmallClient, SmallOptions } from "@aiko/mqtt/small";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { answer, type ClientBench, clients, type Outcome, watch } from "./clients.ts";

/** How the server ends a connection. If it crashes, it has not answered what arrived together with the message. */
type End = "closes" | "resets" | "crashes" | number;

/** What becomes of the session when a connection ends. Before MQTT 5, the client may also ask for a clean session. */
const SESSIONS = ["kept", "lost", "clean"] as const;

interface Case {
  readonly end: End;
  readonly qos: 1 | 2;
  readonly protocolVersion: 4 | 5;
  /** Default "kept". */
  readonly session?: (typeof SESSIONS)[number];
  readonly reconnect?: SmallOptions["reconnect"];
  /** Called with the client before it connects. */
  readonly prepare?: (client: SmallClient) => void;
}

function isPoison(packet: Packet): boolean {
  return packet.type === "publish" && packet.topic === "poison";
}

/** Answers all packets except those of one topic. Resolves when the connection ends or no more packets arrive. */
async function serve(bench: ClientBench, peer: ScriptedPeer, end: End): Promise<void> {
  for (let at = 0, quiet = 0; quiet < 20 && !peer.isClosed; ) {
    const packet = peer.received[at];
    if (packet === undefined) {
      quiet++;
      await bench.clock.tick();
      continue;
    }
    const crashes = end === "crashes" && peer.received.slice(at).some(isPoison);
    at++;
    quiet = 0;
    if (crashes || isPoison(packet)) {
      if (typeof end === "number") peer.send({ type: "disconnect", reasonCode: end });
      if (end === "closes" || typeof end === "number") peer.close();
      else peer.cut();
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
  { end, qos, protocolVersion, session = "kept", reconnect, prepare }: Case,
): Promise<Run> {
  const cleanStart = protocolVersion === 5 || session === "clean";
  const client = bench.create({ protocolVersion, cleanStart, reconnect });
  prepare?.(client);
  let current = await bench.connected(client);
  const began = bench.clock.now();
  const outcomes = new Map<string, Outcome<unknown>>();
  for (const topic of ["a", "b", "poison", "c", "d"]) outcomes.set(topic, watch(client.publish(topic, "", { qos })));
  const connections = [0];
  for (;;) {
    await serve(bench, current, end);
    if ([...outcomes.values()].every(({ settled }) => settled > 0)) break;
    if (connections.length > 50) throw new Error("it goes on for ever");
    current = await bench.acceptAgain({ sessionPresent: session === "kept" });
    connections.push(bench.clock.now() - began);
  }
  return { client, outcomes, connections };
}

/** Each end of the connection with each version and each fate of the session. */
const cases = (["closes", "resets", "crashes"] as const).flatMap((end) =>
  ([4, 5] as const).flatMap((protocolVersion) =>
    SESSIONS.filter((session) => session !== "clean" || protocolVersion < 5).map((session) => ({
      end,
      protocolVersion,
      session,
    })),
  ),
);

describe.each(clients)("the $name client", ({ createBench, namedCause, facts }) => {
  function expectFailed({ client, outcomes, connections }: Run, { end, qos }: Pick<Case, "end" | "qos">): void {
    expect(outcomes.get("poison")?.error).toMatchObject({
      name: "TransportError",
      code: "PUBLISH_UNANSWERED",
      message: expect.stringMatching(/"poison"/),
      ...facts({ topic: "poison", mayHaveArrived: true }),
    });
    for (const topic of ["a", "b", "c", "d"]) expect(outcomes.get(topic)?.value).toMatchObject({ qos });
    expect(connections.length).toBeLessThanOrEqual(end === "closes" ? 20 : 24);
    expect(client.connected).toBe(true);
  }

  test.each(cases)(
    "a QoS 1 message that ends each connection fails after some connections, and the others are " +
      "delivered: $end, version $protocolVersion, session $session",
    async (each) => {
      expectFailed(await run(createBench(), { ...each, qos: 1 }), { ...each, qos: 1 });
    },
  );

  test.each(cases.filter(({ session }) => session === "kept"))(
    "a QoS 2 message that ends each connection fails after some connections, and the others are " +
      "delivered: $end, version $protocolVersion",
    async (each) => {
      expectFailed(await run(createBench(), { ...each, qos: 2 }), { ...each, qos: 2 });
    },
  );

  test.each(cases.filter(({ session }) => session !== "kept"))(
    "QoS 2 messages fail with the session, so that none of them blocks the others: $end, version $protocolVersion, " +
      "session $session",
    async (each) => {
      const { outcomes, connections } = await run(createBench(), { ...each, qos: 2 });
      const acknowledged = each.end === "crashes" ? [] : ["a", "b"];
      for (const [topic, { value, error }] of outcomes)
        if (acknowledged.includes(topic)) expect(value).toMatchObject({ qos: 2 });
        else expect(error).toMatchObject({ code: "SESSION_LOST" });
      expect(connections).toHaveLength(2);
    },
  );

  test.each(cases)(
    "QoS 0 messages that a `connected` listener publishes do not hide the cause: $end, version $protocolVersion, " +
      "session $session",
    async (each) => {
      const prepare = (client: SmallClient) =>
        client.on("connected", () => {
          for (const topic of ["x", "y"]) client.publish(topic, "").catch(() => undefined);
        });
      expectFailed(await run(createBench(), { ...each, qos: 1, prepare }), { ...each, qos: 1 });
    },
  );

  test.each(cases)(
    "messages that the application publishes meanwhile are delivered: $end, version $protocolVersion, session $session",
    async (each) => {
      const later: Outcome<unknown>[] = [];
      const prepare = (client: SmallClient) =>
        client.on("connected", () => later.push(watch(client.publish("later", "", { qos: 1 }))));
      expectFailed(await run(createBench(), { ...each, qos: 1, prepare }), { ...each, qos: 1 });
      expect(later.map(({ error }) => error).filter((error) => error !== undefined)).toEqual([]);
    },
  );

  test.each(
    ([0x87, 0x90, 0x95, 0x99, 0x9b] as const).flatMap(
      (end) =>
        [
          { end, qos: 1, session: "kept" },
          { end, qos: 1, session: "lost" },
          { end, qos: 2, session: "kept" },
        ] as const,
    ),
  )(
    "a QoS $qos message for which the server sends DISCONNECT with reason code $end fails at the second or third " +
      "connection: session $session",
    async (each) => {
      const { outcomes, connections } = await run(createBench(), { ...each, protocolVersion: 5 });
      expect(outcomes.get("poison")?.error).toMatchObject({
        ...namedCause(each.end),
        ...facts({ mayHaveArrived: true }),
      });
      for (const topic of ["a", "b", "c", "d"]) expect(outcomes.get(topic)?.value).toMatchObject({ qos: each.qos });
      expect(connections.length).toBeLessThanOrEqual(3);
    },
  );

  test("the delays grow meanwhile", async () => {
    const reconnect = { initialDelay: 100, maximumDelay: 60_000 };
    const { connections } = await run(createBench(), { end: "closes", qos: 1, protocolVersion: 4, reconnect });
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
