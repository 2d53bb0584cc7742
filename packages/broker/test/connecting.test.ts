import { encode, type ProtocolVersion } from "@aiko/mqtt/codec";
import { memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import type { ConnectDecision } from "@aiko/mqtt-broker";
import { describe, expect, test, vi } from "vitest";
import { STRANGERS_MAXIMUM } from "../src/connecting/client-connection.ts";
import { Bench, message, receive, subscribe } from "./bench.ts";

const versions = [3, 4, 5] as const;

describe("CONNECT", () => {
  test.each(versions)("is answered with CONNACK on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const { connack } = await bench.introduce("c", { protocolVersion });
    expect(connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
    expect(bench.events).toEqual([{ type: "connected", clientId: "c", protocolVersion, sessionPresent: false }]);
    expect(bench.hub.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
  });

  test("of MQTT 5 is answered with only those properties that differ from the defaults", async () => {
    const plain = await new Bench({ topicAliasMaximum: 0 }).introduce("c");
    expect(plain.connack.properties).toEqual({ maximumPacketSize: 67_108_864 });
    const unlimited = await new Bench({ topicAliasMaximum: 0, maximumPacketSize: 268_435_460 }).introduce("c");
    expect(unlimited.connack.properties).toBeUndefined();
    const strict = new Bench({
      receiveMaximum: 5,
      maximumPacketSize: 1_000,
      topicAliasMaximum: 3,
      maximumKeepAlive: 30,
      maximumSessionExpiry: 60,
    });
    const { connack } = await strict.introduce("c", { keepAlive: 100, properties: { sessionExpiryInterval: 99 } });
    expect(connack.properties).toEqual({
      receiveMaximum: 5,
      maximumPacketSize: 1_000,
      topicAliasMaximum: 3,
      serverKeepAlive: 30,
      sessionExpiryInterval: 60,
    });
  });

  test("without a client identifier is assigned one", async () => {
    const bench = new Bench();
    const five = await bench.introduce("");
    const assigned = five.connack.properties?.assignedClientIdentifier;
    expect(assigned).toMatch(/^auto[0-9a-z]+$/);
    const four = await bench.introduce("", { protocolVersion: 4 });
    expect(four.connack.reasonCode).toBe(0);
    expect(bench.hub.statistics.sessions).toBe(2);
  });

  test("takes a client identifier of up to 23 characters on 3.1, and longer ones if the option allows them", async () => {
    const long = encode(
      { type: "connect", protocolVersion: 4, clientId: "x".repeat(24), cleanStart: true, keepAlive: 0 },
      4,
    );
    const bytes = Uint8Array.of(
      0x10,
      (long[1] ?? 0) + 2,
      0,
      6,
      ...new TextEncoder().encode("MQIsdp"),
      3,
      ...long.subarray(9),
    );
    const strict = new Bench().dial(3);
    strict.send(bytes);
    expect(await strict.expect("connack")).toMatchObject({ reasonCode: 2 });
    await strict.expectClose();
    const lenient = new Bench({ longClientIdentifiers: true }).dial(3);
    lenient.send(bytes);
    expect(await lenient.expect("connack")).toMatchObject({ reasonCode: 0 });
    const short = await new Bench().introduce("x".repeat(23), { protocolVersion: 3 });
    expect(short.connack.reasonCode).toBe(0);
  });

  test("of 3.1.1 with an empty identifier and a session to keep is refused", async () => {
    const bench = new Bench();
    const peer = bench.dial(4);
    peer.send(Uint8Array.of(0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 0, 0, 0));
    expect(await peer.expect("connack")).toMatchObject({ reasonCode: 2 });
    await peer.expectClose();
  });

  test.each([2, 6, 0x84])(
    "of protocol level %i is refused with an answer that all versions understand",
    async (level) => {
      const bench = new Bench();
      const peer = bench.dial(4);
      peer.send(Uint8Array.of(0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, level, 2, 0, 0, 0, 1, 0x61));
      expect(await peer.expect("connack")).toMatchObject({ reasonCode: 1 });
      await peer.expectClose();
      expect(bench.events).toMatchObject([{ type: "refused" }]);
    },
  );

  test.each([0x11, 0x14, 0x18, 0x1f])(
    "of 3.1 may have any flags in its first byte, %i; of later versions it is malformed [MQTT31-24, MQTT-2.2.2-2]",
    async (first) => {
      for (const protocolVersion of versions) {
        const bench = new Bench();
        const peer = bench.dial(protocolVersion);
        const fields = { clientId: "c", cleanStart: true, keepAlive: 0 };
        const bytes = encode({ type: "connect", protocolVersion, ...fields }, protocolVersion).slice();
        bytes[0] = first;
        peer.send(bytes);
        if (protocolVersion === 3) {
          expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0 });
          peer.send(Uint8Array.of(0xc5, 0)); // PINGREQ
          await peer.expect("pingresp");
        } else {
          if (protocolVersion === 5) expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x81 });
          await peer.expectClose();
          expect(bench.events).toMatchObject([{ type: "refused", reason: expect.stringContaining("flags") }]);
        }
      }
    },
  );

  test("that arrives too late ends the connection", async () => {
    const bench = new Bench({ connectTimeout: 500 });
    const peer = bench.dial();
    await bench.clock.advance(499);
    expect(peer.isClosed).toBe(false);
    await bench.clock.advance(100);
    expect(peer.isClosed).toBe(true);
    expect(bench.events).toEqual([{ type: "refused", reason: "no CONNECT within 500 ms" }]);
    expect(bench.hub.connectionCount).toBe(0);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test.each([
    ["another packet first", Uint8Array.of(0xc0, 0)],
    ["garbage", new TextEncoder().encode(`GET / HTTP/1.1\r\n${"x: y\r\n".repeat(20)}`)],
    ["a CONNECT cut short", Uint8Array.of(0x10, 2, 0, 4)],
    ["a CONNECT of 256 MB", Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f)],
  ])("%s: the connection is closed within 100 ms", async (_what, bytes) => {
    const bench = new Bench();
    const peer = bench.dial();
    peer.send(bytes);
    await bench.clock.advance(99);
    await peer.expectClose();
    expect(bench.events).toMatchObject([{ type: "refused" }]);
  });
});

describe("authenticate", () => {
  const credentials = { username: "ann", password: new TextEncoder().encode("secret") };
  const refusals = [
    [3, 4],
    [4, 4],
    [5, 0x86],
  ] as const satisfies readonly (readonly [ProtocolVersion, number])[];

  test("is called with the credentials", async () => {
    const asked: unknown[] = [];
    const bench = new Bench({ authenticate: (each) => asked.push(each) > 0 });
    await bench.connect("c", credentials);
    await bench.connect("d");
    expect(asked).toMatchObject([
      { clientId: "c", ...credentials },
      { clientId: "d", username: undefined, password: undefined },
    ]);
  });

  test.each([
    [3, 3],
    [4, 3],
    [5, 0x88],
  ] as const)(
    "that throws on version %i is not the client's fault: the client gets %i, and the event has the reason",
    async (protocolVersion, reasonCode) => {
      for (const authenticate of [
        () => Promise.reject(new Error("no database")),
        () => {
          throw new Error("no database");
        },
      ]) {
        const bench = new Bench({ authenticate });
        const { connack } = await bench.introduce("c", { protocolVersion, ...credentials });
        expect(connack.reasonCode).toBe(reasonCode);
        expect(bench.hub.statistics.sessions).toBe(0);
        expect(bench.events).toMatchObject([{ type: "refused", reason: expect.stringContaining("no database") }]);
      }
    },
  );

  test.each(refusals)("that returns false on version %i is answered with %i", async (protocolVersion, reasonCode) => {
    for (const authenticate of [
      () => false,
      () => Promise.resolve(false),
      ...[1, "yes", {}, null, undefined].map((answer) => () => answer as unknown as boolean),
    ]) {
      const bench = new Bench({ authenticate });
      const { peer, connack } = await bench.introduce("c", { protocolVersion, ...credentials });
      expect(connack.reasonCode).toBe(reasonCode);
      await peer.expectClose();
      expect(bench.hub.statistics.sessions).toBe(0);
      expect(bench.events).toMatchObject([{ type: "refused" }]);
      expect(JSON.stringify(bench.events)).not.toContain("secret");
    }
  });

  test.each<[ConnectDecision, readonly [version3: number, version4: number, version5: number]]>([
    [{ reasonCode: 0x87 }, [5, 5, 0x87]],
    [{ reasonCode: 0x8a }, [5, 5, 0x8a]],
    [{ reasonCode: 0x85 }, [2, 2, 0x85]],
    [{ reasonCode: 0x89 }, [3, 3, 0x89]],
    [{ reasonCode: 0x9f }, [3, 3, 0x9f]],
    [{ reasonCode: 0x86 }, [4, 4, 0x86]],
    [{ reasonCode: 0 }, [4, 4, 0x86]],
    [{ reasonCode: 0x10 }, [4, 4, 0x86]],
    [{ reasonCode: "0x87" as never }, [4, 4, 0x86]],
  ])("that refuses with %j is answered, by version, with %j", async (answer, codes) => {
    for (const [i, protocolVersion] of versions.entries()) {
      for (const authenticate of [() => answer, () => Promise.resolve(answer)]) {
        const bench = new Bench({ authenticate });
        const { peer, connack } = await bench.introduce("c", { protocolVersion, ...credentials });
        expect(connack.reasonCode).toBe(codes[i]);
        await peer.expectClose();
        expect(bench.events).toEqual([
          { type: "refused", reason: expect.stringMatching(/^"c": authenticate refused with 0x[0-9A-F]{2} \([A-Z]/) },
        ]);
      }
    }
  });

  test("that takes time: packets sent right behind CONNECT wait, in order", async () => {
    const { bench, decide } = undecided();
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 });
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0 }] });
    peer.send(message("a", "x"));
    await peer.expectNothing();
    decide(true);
    await peer.expect("connack");
    await peer.expect("suback");
    await peer.expect("publish");
  });

  test("that takes time: none of 10,000 packets that a client sends behind CONNECT is lost", async () => {
    const { bench, decide } = undecided();
    const to = bench.dial();
    const connect = { type: "connect", protocolVersion: 5, cleanStart: true, keepAlive: 0 } as const;
    to.send({ ...connect, clientId: "to" });
    await to.expectNothing();
    decide(true);
    await to.expect("connack");
    await subscribe(to, "a");
    const peer = bench.dial();
    peer.send({ ...connect, clientId: "c" });
    const count = 10_000;
    for (let i = 1; i <= count; i++) peer.send(message("a", String(i), { qos: 1, packetIdentifier: i }));
    peer.send({ type: "pingreq" });
    await peer.expectNothing();
    decide(true);
    await peer.expect("connack");
    for (let i = 1; i <= count; i++) expect((await peer.expect("puback")).packetIdentifier).toBe(i);
    await peer.expect("pingresp");
    for (let i = 1; i <= count; i++) expect(await receive(to)).toBe(`a=${i} q1`);
  });

  test("that takes time: the broker holds only what arrived before it stopped reading", async () => {
    const { bench, decide } = undecided();
    const [client, server] = memoryPair(bench.clock, { highWaterMark: 10_000 });
    bench.accept(server);
    const peer = new ScriptedPeer(client, bench.clock, 5);
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 });
    await bench.clock.tick();
    const large = encode(message("a", "x".repeat(6_000)), 5);
    const taken: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      taken.push(client.write(large));
      await bench.clock.tick();
    }
    expect(taken).toEqual([true, true, false, false]); // the first was read, the others wait on the client's side
    decide(true);
    await peer.expect("connack");
    peer.send({ type: "pingreq" });
    await peer.expect("pingresp");
    expect(bench.events.filter(({ type }) => type === "published")).toHaveLength(4);
  });

  test("that takes time: a message longer than the limit before CONNECT is then accepted", async () => {
    const { bench, decide } = undecided();
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 });
    peer.send(message("a", "x".repeat(STRANGERS_MAXIMUM + 1), { qos: 1, packetIdentifier: 1 }));
    await peer.expectNothing();
    decide(true);
    await peer.expect("connack");
    await peer.expect("puback");
  });

  test.each([
    ["a second CONNECT", { type: "connect", protocolVersion: 5, clientId: "d", cleanStart: true, keepAlive: 0 }, 0x82],
    ["bytes that are not a packet", Uint8Array.of(0x00, 0x00), 0x81],
  ] as const)("that takes time: %s behind CONNECT ends the connection after CONNACK", async (_what, bad, code) => {
    const { bench, decide } = undecided();
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 });
    peer.send(message("a", "x"));
    peer.send(bad);
    peer.send(message("a", "y"));
    await peer.expectNothing();
    decide(true);
    await peer.expect("connack");
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: code });
    await peer.expectClose();
    expect(bench.events.filter(({ type }) => type === "published")).toHaveLength(1);
  });

  test("that takes time and refuses: nothing that arrived behind CONNECT is processed", async () => {
    const { bench, decide } = undecided();
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 });
    for (let i = 0; i < 200; i++) peer.send(message("a", "x", { retain: true }));
    await peer.expectNothing();
    decide(false);
    expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x86 });
    await peer.expectClose();
    expect(bench.hub.statistics).toMatchObject({ sessions: 0, retainedMessages: 0 });
  });

  test.each([
    [4, 3],
    [5, 0x88],
  ] as const)(
    "that never answers on version %i: the client gets %i after connectTimeout",
    async (protocolVersion, reasonCode) => {
      const bench = new Bench({ connectTimeout: 500, authenticate: () => new Promise(() => undefined) });
      const peer = bench.dial(protocolVersion);
      peer.send({ type: "connect", protocolVersion, clientId: "c", cleanStart: true, keepAlive: 0 });
      await bench.clock.advance(600);
      expect(await peer.expect("connack")).toMatchObject({ reasonCode });
      await peer.expectClose();
      expect(bench.events).toEqual([{ type: "refused", reason: "authenticate did not answer within 500 ms" }]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    },
  );

  test("accepts no client that has left before it answers", async () => {
    const { bench, decide } = undecided();
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 });
    await peer.expectNothing();
    peer.cut();
    await bench.clock.tick();
    decide(true);
    await bench.clock.tick();
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
    expect(bench.events.filter(({ type }) => type === "connected")).toEqual([]);
  });
});

test("a listener that throws ends neither the connection nor the process; the error is reported as an event", async () => {
  const bench = new Bench();
  const failure = new Error("the log is full");
  const fail = () => {
    throw failure;
  };
  for (const name of ["connected", "subscribed", "published", "disconnected"] as const) bench.hub.events.on(name, fail);
  const errors: unknown[] = [];
  bench.hub.events.on("error", (error) => errors.push(error));
  const peer = await bench.connect("c");
  await subscribe(peer, "a");
  peer.send(message("a", "x"));
  await peer.expect("publish");
  peer.cut();
  await bench.clock.tick();
  expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
  expect(errors).toEqual([failure, failure, failure, failure]);
});

test("the first error without a listener is written to the console", async () => {
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const bench = new Bench();
  bench.hub.events.on("connected", () => {
    throw new Error("the log is full");
  });
  for (const clientId of ["a", "b"]) await bench.connect(clientId);
  expect(written.mock.calls).toEqual([
    ['broker: no "error" listener is registered; logging the first error:', new Error("the log is full")],
  ]);
  written.mockRestore();
});

describe("a second connection with the same client identifier", () => {
  test.each(versions)(
    "takes over from version %i: the old connection is notified and closed first",
    async (protocolVersion) => {
      const bench = new Bench();
      const old = await bench.connect("c", { protocolVersion });
      const { connack } = await bench.introduce("c");
      expect(connack.reasonCode).toBe(0);
      if (protocolVersion === 5) expect(await old.expect("disconnect")).toMatchObject({ reasonCode: 0x8e });
      await old.expectClose();
      expect(bench.events.map(({ type }) => type)).toEqual(["connected", "disconnected", "connected"]);
      expect(bench.hub.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
    },
  );

  test("continues the session, including its subscriptions", async () => {
    const bench = new Bench();
    const fields = { cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    await subscribe(await bench.connect("c", fields), "a");
    const { peer, connack } = await bench.introduce("c", fields);
    expect(connack.sessionPresent).toBe(true);
    peer.send(message("a", "x"));
    await peer.expect("publish");
  });

  test("with a clean start ends it", async () => {
    const bench = new Bench();
    const fields = { cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    await subscribe(await bench.connect("c", fields), "a");
    const { peer, connack } = await bench.introduce("c");
    expect(connack.sessionPresent).toBe(false);
    peer.send(message("a", "x"));
    await peer.expectNothing();
    expect(bench.hub.statistics.subscriptions).toBe(0);
  });
});

/** A broker whose `authenticate` answers when the test decides. */
function undecided(): { bench: Bench; decide: (allowed: boolean) => void } {
  let answer: (allowed: boolean) => void = () => undefined;
  const authenticate = (): Promise<boolean> =>
    new Promise((resolve) => {
      answer = resolve;
    });
  return { bench: new Bench({ authenticate }), decide: (allowed) => answer(allowed) };
}
