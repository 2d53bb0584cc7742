// Whatever a gateway sends, in whatever state: nothing throws, every call settles, and the machine comes to rest.
import { ClosedError } from "@aiko/mqtt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame } from "../../../src/sn/codec/frame.ts";
import { anyPacket } from "../codec/any-packet.ts";
import { Bench, named, type Outcome } from "./machine-harness.ts";

type Action = (bench: Bench) => { readonly outcome: Outcome } | undefined;

const topic = fc.constantFrom(named("a"), named("a/b"), { kind: "predefined", id: 7 } as const);
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);

/** Message identifiers that the client uses, so that answers fit. */
const fitting = fc
  .tuple(anyPacket, fc.integer({ min: 1, max: 6 }), fc.nat(3))
  .map(([packet, messageId, returnCode]) => ({
    ...packet,
    ...("messageId" in packet ? { messageId } : {}),
    ...("returnCode" in packet ? { returnCode } : {}),
  }));

const does = (call: (bench: Bench) => unknown): Action => {
  return (bench) => {
    call(bench);
    return undefined;
  };
};

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fitting.map((packet) => does((bench) => bench.machine.receive(encodeFrame(packet), bench.now))),
  },
  {
    weight: 2,
    arbitrary: fc
      .uint8Array({ maxLength: 12 })
      .map((bytes) => does((bench) => bench.machine.receive(bytes, bench.now))),
  },
  { weight: 2, arbitrary: fc.nat(30_000).map((time) => does((bench) => bench.pass(time))) },
  { weight: 1, arbitrary: fc.nat(3).map((index) => does((bench) => bench.handled(index))) },
  {
    weight: 2,
    arbitrary: fc.record({ topic, qos }).map(
      (publication): Action =>
        (bench) =>
          bench.publish(publication),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(topic, qos).map(
      ([filter, most]): Action =>
        (bench) =>
          bench.subscribe(filter, most),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Action>(
      (bench) => bench.run((now, settle) => bench.machine.connect(now, settle)),
      (bench) => bench.run((now, settle) => bench.machine.fallAsleep(20, now, settle)),
      (bench) => bench.run((now, settle) => bench.machine.wake(now, settle)),
      (bench) => bench.run((now, settle) => bench.machine.disconnect(now, settle)),
    ),
  },
);

const start = fc.constantFrom(
  () => new Bench({ keepAlive: 60 }),
  () => Bench.active({ keepAlive: 60 }),
  () => Bench.asleep({ keepAlive: 60 }),
);

test("a machine survives any messages in any state, and every call settles", () => {
  fc.assert(
    fc.property(start, fc.array(action, { maxLength: 40 }), (make, actions) => {
      const bench = make();
      const calls = actions.map((each) => each(bench)).filter((call) => call !== undefined);
      // From now on the gateway is silent.
      bench.pass(1_000_000);
      expect(calls.filter(({ outcome }) => outcome === "pending")).toEqual([]);
      expect(["disconnected", "lost"]).toContain(bench.machine.state);
      expect(bench.machine.deadline()).toBe(Infinity);
    }),
    { numRuns: 3000 },
  );
});

test("abandoning a machine settles every call in any state", () => {
  fc.assert(
    fc.property(start, fc.array(action, { maxLength: 30 }), (make, actions) => {
      const bench = make();
      const calls = actions.map((each) => each(bench)).filter((call) => call !== undefined);
      bench.machine.abandon(new ClosedError("CLIENT_CLOSED", "closed"));
      expect(calls.filter(({ outcome }) => outcome === "pending")).toEqual([]);
      expect(bench.machine.deadline()).toBe(Infinity);
    }),
    { numRuns: 1000 },
  );
});

test("what a gateway makes a machine keep has a bound", () => {
  const bench = Bench.active();
  for (let id = 1; id <= 5_000; id++) {
    bench.gateway({ type: "register", topicId: id, messageId: id, topicName: `t/${id}` });
    const to = { kind: "predefined", id: 7 } as const;
    const data = Uint8Array.of(id & 0xff);
    bench.gateway({ type: "publish", topic: to, qos: 2, dup: false, retain: false, messageId: id, data });
  }
  const text = JSON.stringify(bench.machine, (_, value) => (value instanceof Map ? [...value] : value));
  expect(text.length).toBeLessThan(200_000);
});
