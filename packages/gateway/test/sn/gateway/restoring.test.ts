// Sessions of an earlier process: what is kept of them, and how they continue.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeptSession, keptBytes, keptSession } from "../../../src/sn/gateway/kept-session.ts";
import { routeOf } from "../../../src/sn/gateway/route.ts";
import { shownWill } from "./fake-uplink.ts";
import { bytes, Network } from "./network.ts";

const short = { kind: "short", name: "ab" } as const;
const away: KeptSession = {
  clientId: "sensor",
  route: routeOf({ address: "10.0.0.1:1000", host: "10.0.0.1", isShared: false }, undefined),
  state: "away",
  sleep: 0,
  keepAlive: 60_000,
  will: undefined,
  topics: [["a/b", 7]],
  received: [5],
  filters: [["a/#", 1]],
};
const asleep: KeptSession = { ...away, state: "asleep", sleep: 600_000 };

async function restored(kept: KeptSession, network = new Network()) {
  expect(network.gateway.restore([kept])).toBe(0);
  await network.pass(0);
  return { network, device: network.device() };
}

describe("a session that is kept", () => {
  test("has its state, its will, what the client has registered, and what it has not released", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ cleanSession: false, will: true });
    await device.send({ type: "willtopic", will: { topic: "gone", qos: 1, retain: true } });
    await device.send({ type: "willmsg", message: bytes("bye") });
    await device.register("a/b");
    await device.publish({ qos: 2, messageId: 5 });
    network.uplink.last.send("a/c", "x");
    await device.sleep(600);
    network.uplink.filters.set("sensor", [["a/#", 1]]);
    const kept = network.gateway.kept("sensor") as KeptSession;
    expect(kept).toEqual({ ...asleep, topics: [["a/b", 1]], will: kept.will });
    expect(shownWill(kept.will)).toBe("gone 1 retain bye");
    expect(network.changed).toEqual(new Set(["sensor"]));
    expect(keptSession(keptBytes(kept))).toEqual(kept);
  });

  test("is kept before a SUBSCRIBE is answered: the client will not repeat it", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ cleanSession: false });
    await device.subscribe();
    expect(network.keeping).toEqual(["sensor"]);
    await network.pass(20_000);
    await device.connect({ cleanSession: true });
    await device.subscribe();
    expect(network.keeping).toEqual(["sensor"]);
  });

  test("is none of a clean session, or of one that has ended", async () => {
    const network = new Network();
    await network.device().connect();
    expect(network.gateway.kept("sensor")).toBeUndefined();
    expect(network.gateway.kept("other")).toBeUndefined();
  });

  test("is the same after it was bytes", () => {
    const text = fc.string({ unit: "grapheme" });
    const will = fc.record({
      topic: text,
      message: fc.uint8Array(),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      retain: fc.boolean(),
    });
    const node = fc.option(fc.record({ wirelessNodeId: fc.uint8Array({ minLength: 1 }), radius: fc.nat(3) }), {
      nil: undefined,
    });
    const session = fc.record({
      clientId: text,
      route: node.map((encapsulation) => routeOf(away.route.peer, encapsulation)),
      state: fc.constantFrom("active" as const, "asleep" as const, "away" as const),
      sleep: fc.nat(),
      keepAlive: fc.nat(),
      will: fc.option(will, { nil: undefined }),
      topics: fc.array(fc.tuple(text, fc.nat(65_534))),
      received: fc.array(fc.nat(65_535)),
      filters: fc.array(fc.tuple(text, fc.constantFrom(0 as const, 1 as const, 2 as const))),
    });
    fc.assert(
      fc.property(session, (each) => {
        expect(keptSession(keptBytes(each))).toEqual(each);
      }),
    );
  });

  test("of another version, or damaged, is none", () => {
    expect(keptSession(bytes('{"version":2}'))).toBeUndefined();
    expect(keptSession(bytes("{"))).toBeUndefined();
    expect(keptSession(new Uint8Array([0xff]))).toBeUndefined();
    expect(keptSession(bytes('{"version":1}'))).toBeUndefined();
  });
});

describe("a session of an earlier process", () => {
  test("that is asleep has a connection again, and its client notices nothing", async () => {
    const { network, device } = await restored(asleep);
    expect(network.uplink.last.identity).toEqual({ clientId: "sensor", cleanSession: false, will: undefined });
    expect(network.uplink.filters.get("sensor")).toEqual([["a/#", 1]]);
    expect(device.received()).toEqual([]);
    expect(network.gateway.counts).toMatchObject({ asleep: 1 });
    network.uplink.last.send("a/b", "x");
    expect(await device.ping("sensor")).toEqual(["register 7 #1 a/b"]);
    expect(await device.regack(7, 1)).toEqual(["publish 7 #0 qos 0 x", "pingresp"]);
    expect(await device.publish({ topic: { kind: "normal", id: 7 } })).toEqual([]);
    expect(network.uplink.published).toEqual(["publish a/b 0 21"]);
  });

  test("that is asleep is lost if its client does not return in time", async () => {
    const { network } = await restored(asleep);
    await network.pass(660_000);
    expect(network.uplink.last.log).toEqual(["cut"]);
  });

  test("that is active continues", async () => {
    const { network, device } = await restored({ ...away, state: "active" });
    expect(await device.publish({ topic: { kind: "normal", id: 7 }, qos: 1, messageId: 1 })).toEqual(["puback 7 #1 0"]);
    network.uplink.last.send("ab", "x");
    expect(device.received()).toEqual(["publish ab #0 qos 0 x"]);
  });

  test("that is away waits for its client, which is told DISCONNECT until it connects", async () => {
    const { network, device } = await restored(away);
    expect(network.uplink.connections).toEqual([]);
    expect(await device.publish({ topic: short, qos: 1, messageId: 1 })).toEqual(["disconnect"]);
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0"]);
    await device.publish({ topic: { kind: "normal", id: 7 } });
    expect(network.uplink.published).toEqual(["publish a/b 0 21"]);
  });

  test("does not publish a QoS 2 message again that was received", async () => {
    const { network, device } = await restored(asleep);
    expect(await device.publish({ topic: short, qos: 2, messageId: 5, dup: true })).toEqual(["pubrec #5"]);
    expect(await device.send({ type: "pubrel", messageId: 5 })).toEqual(["pubcomp #5"]);
    expect(network.uplink.published).toEqual([]);
  });

  test("delivers messages that were kept", async () => {
    const { network, device } = await restored(asleep);
    const message = { topic: "ab", payload: bytes("kept"), qos: 1, retain: false } as const;
    const outcomes: string[] = [];
    void network.gateway.deliver("sensor", message).then((outcome) => outcomes.push(outcome));
    void network.gateway.deliver("nobody", message).then((outcome) => outcomes.push(outcome));
    expect(await device.ping("sensor")).toEqual(["publish ab #1 qos 1 kept"]);
    expect(await device.puback(0, 1)).toEqual(["pingresp"]);
    expect(outcomes).toEqual(["forgotten", "delivered"]);
  });

  test("is connected when the server can be reached; until then nothing is answered", async () => {
    const network = new Network();
    network.uplink.outcome = "congestion";
    const { device } = await restored(asleep, network);
    expect(await device.ping("sensor")).toEqual([]);
    expect(network.gateway.kept("sensor")).toEqual(asleep);
    await network.pass(100_000);
    expect(network.gateway.counts).toMatchObject({ connecting: 1 });
    network.uplink.outcome = "accepted";
    network.gateway.connected(true);
    await network.pass(20);
    expect(network.gateway.counts).toMatchObject({ asleep: 1 });
    expect(await device.ping("sensor")).toEqual(["pingresp"]);
  });

  test("can be put to sleep again while it waits", async () => {
    const network = new Network();
    network.uplink.outcome = "congestion";
    const { device } = await restored(asleep, network);
    expect(await device.sleep(120)).toEqual(["disconnect"]);
    expect(network.gateway.kept("sensor")).toEqual({ ...asleep, sleep: 120_000 });
  });

  test("that the server refuses ends, without a word to the client", async () => {
    const network = new Network();
    network.uplink.outcome = "refused";
    const { device } = await restored(asleep, network);
    expect(device.received()).toEqual([]);
    expect(await device.ping("sensor")).toEqual(["disconnect"]);
  });

  test("can be replaced by a CONNECT while it waits", async () => {
    const network = new Network();
    network.uplink.outcome = "congestion";
    const { device } = await restored(asleep, network);
    network.uplink.outcome = "accepted";
    expect(await device.connect({ cleanSession: false })).toContain("connack 0");
    await network.pass(100_000);
    expect(network.uplink.connections).toHaveLength(1);
  });

  test("has no room beyond the most clients", () => {
    const network = new Network({ maxClients: 1 });
    expect(network.gateway.restore([away, { ...away, clientId: "other" }])).toBe(1);
  });
});
