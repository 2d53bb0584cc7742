// No packet is sent before what it depends on is durable, and QoS 0 messages do not wait.
import type { Packet } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "./stored-bench.ts";

interface Scene {
  readonly bench: StoredBench;
  readonly peer: ScriptedPeer;
}

/** A client with a stored session that is subscribed to "a" at QoS 2. */
async function scene(): Promise<Scene> {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a");
  return { bench, peer };
}

/** Causes a packet, with any steps before it. */
type Cause = (scene: Scene) => Promise<() => void>;

const cases: [type: Packet["type"], cause: Cause][] = [
  [
    "puback",
    async ({ peer }) =>
      () =>
        peer.send(message("b", "x", { qos: 1, retain: true, packetIdentifier: 1 })),
  ],
  [
    "pubrec",
    async ({ peer }) =>
      () =>
        peer.send(message("b", "x", { qos: 2, packetIdentifier: 1 })),
  ],
  [
    "pubcomp",
    async ({ peer }) => {
      peer.send(message("b", "x", { qos: 2, packetIdentifier: 1 }));
      await peer.expect("pubrec");
      return () => peer.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
    },
  ],
  [
    "publish",
    async ({ bench }) => {
      const from = await bench.connect("from");
      return () => from.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    },
  ],
  [
    "pubrel",
    async ({ bench, peer }) => {
      const from = await bench.connect("from");
      from.send(message("a", "x", { qos: 2, packetIdentifier: 1 }));
      const { packetIdentifier } = await peer.expect("publish");
      return () => peer.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
    },
  ],
  [
    "suback",
    async ({ peer }) =>
      () =>
        peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "b", qos: 1 }] }),
  ],
  [
    "unsuback",
    async ({ peer }) =>
      () =>
        peer.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a"] }),
  ],
];

describe("is sent only when the write is done:", () => {
  test.each(cases)("%s", async (type, cause) => {
    const { bench, peer } = await scene();
    const act = await cause({ bench, peer });
    bench.store.hold();
    act();
    await peer.expectNothing();
    bench.store.release();
    await peer.expect(type);
  });

  test("connack of a session that is stored", async () => {
    const bench = await StoredBench.start();
    bench.store.hold();
    const peer = bench.dial();
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", keepAlive: 0, ...kept });
    await peer.expectNothing();
    bench.store.release();
    await peer.expect("connack");
  });
});

test("QoS 0 messages, and clients without a stored session, do not wait for a write", async () => {
  const { bench, peer } = await scene();
  const other = await bench.connect("other");
  await subscribe(other, "b", { qos: 1 });
  const from = await bench.connect("from");
  bench.store.hold();
  peer.send(message("c", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
  from.send(message("b", "now"));
  expect(await receive(other)).toBe("b=now q0");
  from.send(message("b", "retained", { retain: true }));
  expect(await receive(other)).toBe("b=retained q0");
  await peer.expectNothing();
});

test("what many clients cause during a write is written together", async () => {
  const bench = await StoredBench.start();
  const peers: ScriptedPeer[] = [];
  for (let i = 0; i < 20; i++) peers.push(await bench.connect(`c${i}`));
  bench.store.hold();
  const before = bench.store.writes;
  for (const [i, peer] of peers.entries())
    peer.send(message(`t/${i}`, "x", { qos: 1, retain: true, packetIdentifier: 1 }));
  await bench.clock.tick();
  bench.store.release();
  for (const peer of peers) await peer.expect("puback");
  expect(bench.store.writes - before).toBeLessThanOrEqual(2);
});

test("a message for a client without a stored session is kept from it until the write, at QoS 2 only", async () => {
  const { bench } = await scene();
  const [one, two] = [await bench.connect("one"), await bench.connect("two")];
  await subscribe(one, "a", { qos: 1 });
  await subscribe(two, "a", { qos: 2 });
  const from = await bench.connect("from");
  bench.store.hold();
  from.send(message("a", "x", { qos: 2, packetIdentifier: 1 }));
  expect(await receive(one)).toBe("a=x q1");
  await two.expectNothing();
  bench.store.release();
  expect(await receive(two)).toBe("a=x q2");
});

test("a message that waits for authorizeDeliver is stored, and delivered after a kill", async () => {
  const bench = await StoredBench.start({ authorizeDeliver: () => new Promise(() => undefined) });
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 1 });
  const from = await bench.connect("from");
  from.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
  await from.expect("puback");
  await peer.expectNothing();
  const next = await bench.restart({ authorizeDeliver: () => true });
  expect(await receive(await next.connect("c", kept))).toBe("a=x q1");
});

test("a QoS 2 message that the application has not taken yet reaches its subscribers once", async () => {
  const bench = await StoredBench.start();
  const peer = await bench.connect("c", kept);
  await subscribe(peer, "a", { qos: 1 });
  bench.hub.application.subscribe("a", { onMessage: () => new Promise(() => undefined), maximumCount: 1 });
  const from = await bench.connect("from", kept);
  const packets = [1, 2, 3].map((i) => message("a", `${i}`, { qos: 2, packetIdentifier: i }));
  for (const packet of packets) from.send(packet);
  await bench.clock.tick();
  const next = await bench.restart();
  const again = await next.connect("from", kept);
  for (const packet of packets) again.send({ ...packet, dup: true });
  for (let i = 0; i < 3; i++) await again.expect("pubrec");
  const receiver = await next.connect("c", kept);
  const got: string[] = [];
  for (let i = 0; i < 3; i++) got.push(await receive(receiver));
  expect(got.sort()).toEqual(["a=1 q1", "a=2 q1", "a=3 q1"]);
  await receiver.expectNothing();
});
