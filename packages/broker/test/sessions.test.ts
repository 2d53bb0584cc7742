import type { ConnectPacket } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Bench, disconnect, kept, message, receive, subscribe } from "./bench.ts";

const keeping = [
  ["3.1", { protocolVersion: 3, cleanStart: false }],
  ["3.1.1", { protocolVersion: 4, cleanStart: false }],
  ["5", kept],
] as const satisfies readonly (readonly [string, Partial<ConnectPacket>])[];

describe.each(keeping)("a stored session of version %s", (version, fields) => {
  const present = version !== "3.1";

  test.each(["cut", "disconnect"])(
    "continues after %s with its subscriptions and the messages that arrived meanwhile",
    async (how) => {
      const bench = new Bench();
      const peer = await bench.connect("c", fields);
      await subscribe(peer, "a");
      if (how === "cut") peer.cut();
      else peer.send(disconnect);
      await bench.clock.advance(100);
      const from = await bench.connect("from");
      for (let i = 0; i < 6; i++) {
        from.send(message("a", String(i), { qos: (i % 3) as 0 | 1 | 2, packetIdentifier: i % 3 === 0 ? 0 : i }));
      }
      await bench.clock.tick();
      const { peer: again, connack } = await bench.introduce("c", fields);
      expect(connack.sessionPresent).toBe(present);
      const waited: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        const { payload, qos } = await again.expect("publish");
        waited.push([new TextDecoder().decode(payload), qos]);
      }
      expect(waited).toEqual([
        ["1", 1],
        ["2", 2],
        ["4", 1],
        ["5", 2],
      ]);
      await again.expectNothing();
      from.send(message("a", "now"));
      expect(await receive(again)).toBe("a=now q0");
    },
  );

  test("resends unacknowledged messages with the same identifiers", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", fields);
    await subscribe(peer, "a");
    const from = await bench.connect("from");
    from.send(message("a", "1", { qos: 1, packetIdentifier: 1 }));
    from.send(message("a", "2", { qos: 2, packetIdentifier: 2 }));
    from.send(message("a", "3", { qos: 2, packetIdentifier: 3 }));
    const identifiers: number[] = [];
    for (let i = 0; i < 3; i++) identifiers.push((await peer.expect("publish")).packetIdentifier);
    peer.send({ type: "pubrec", packetIdentifier: identifiers[2] as number, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.cut();
    await bench.clock.tick();
    const again = await bench.connect("c", fields);
    expect(await again.expect("publish")).toMatchObject({ dup: true, qos: 1, packetIdentifier: identifiers[0] });
    expect(await again.expect("publish")).toMatchObject({ dup: true, qos: 2, packetIdentifier: identifiers[1] });
    expect(await again.expect("pubrel")).toMatchObject({ packetIdentifier: identifiers[2] });
  });

  test("remembers the QoS 2 messages that it has received", async () => {
    const bench = new Bench();
    const to = await bench.connect("to");
    await subscribe(to, "a", { qos: 0 });
    const peer = await bench.connect("c", fields);
    const packet = message("a", "x", { qos: 2, packetIdentifier: 9 });
    peer.send(packet);
    await peer.expect("pubrec");
    peer.cut();
    await bench.clock.tick();
    const again = await bench.connect("c", fields);
    again.send({ ...packet, dup: true });
    await again.expect("pubrec");
    await receive(to);
    await to.expectNothing();
  });

  test("is ended by a clean start", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", fields);
    await subscribe(peer, "a");
    peer.cut();
    await bench.clock.tick();
    const { peer: fresh, connack } = await bench.introduce("c", { ...fields, cleanStart: true });
    expect(connack.sessionPresent).toBe(false);
    expect(bench.hub.statistics.subscriptions).toBe(0);
    fresh.send(message("a", "x"));
    await fresh.expectNothing();
  });
});

describe("a session ends with its connection", () => {
  test.each([
    ["3.1", { protocolVersion: 3, cleanStart: true }],
    ["3.1.1", { protocolVersion: 4, cleanStart: true }],
    ["5, without an expiry interval", { cleanStart: false }],
  ] as const)("on version %s", async (_version, fields) => {
    const bench = new Bench();
    const peer = await bench.connect("c", fields);
    await subscribe(peer, "a");
    expect(bench.hub.statistics).toMatchObject({ sessions: 1, subscriptions: 1 });
    peer.cut();
    await bench.clock.tick();
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0, subscriptions: 0 });
    const { connack } = await bench.introduce("c", { ...fields, cleanStart: false });
    expect(connack.sessionPresent).toBe(false);
  });
});

describe("the expiry of a session", () => {
  test("counts from the connection's end", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { cleanStart: false, properties: { sessionExpiryInterval: 10 } });
    await bench.clock.advance(60_000);
    peer.cut();
    await bench.clock.advance(9_999);
    expect(bench.hub.statistics.sessions).toBe(1);
    await bench.clock.advance(1);
    expect(bench.hub.statistics.sessions).toBe(0);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("is limited by the broker, also for versions that do not send one", async () => {
    for (const fields of [kept, { protocolVersion: 4, cleanStart: false }] as const) {
      const bench = new Bench({ maximumSessionExpiry: 20 });
      (await bench.connect("c", fields)).cut();
      await bench.clock.advance(19_999);
      expect(bench.hub.statistics.sessions).toBe(1);
      await bench.clock.advance(1);
      expect(bench.hub.statistics.sessions).toBe(0);
    }
  });

  test("can be changed by DISCONNECT", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", kept);
    peer.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
    await bench.clock.tick();
    expect(bench.hub.statistics.sessions).toBe(0);
  });

  test("cannot be introduced by DISCONNECT", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    peer.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
    await peer.expectClose();
  });

  test("does not disconnect a client that has returned", async () => {
    const bench = new Bench();
    const fields = { cleanStart: false, properties: { sessionExpiryInterval: 10 } };
    (await bench.connect("c", fields)).cut();
    await bench.clock.advance(5_000);
    const again = await bench.connect("c", fields);
    await bench.clock.advance(50_000);
    expect(again.isClosed).toBe(false);
    expect(bench.hub.statistics.sessions).toBe(1);
  });
});
