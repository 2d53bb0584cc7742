// Rules for the clients of single listeners.
import { expect, test } from "vitest";
import type { RuleAction, RuleSettings } from "../../src/rules/rule-settings.ts";
import { Rules } from "../../src/rules/rules.ts";
import { rulesHooks } from "../../src/rules/rules-hooks.ts";
import { kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "../persistence/stored-bench.ts";

function allow(topic: string, ...listeners: string[]): RuleSettings {
  const actions = new Set<RuleAction>(["read", "write", "subscribe"]);
  const subject = { users: undefined, clients: undefined, ...(listeners.length > 0 && { listeners }) };
  return { origin: topic, ...subject, effect: "allow", actions, topics: [topic] };
}

const at = (listener: string | undefined) => ({ clientId: "c", identity: undefined, listener });

test("a rule for a listener holds for its clients only; a listener without rules allows everything", () => {
  const rules = new Rules([allow("a/#", "one"), allow("b/#", "one", "two")]);
  const allowed = (listener: string | undefined) =>
    ["a/x", "b/x", "c/x"].filter((topic) => rules.decide("write", at(listener), topic).allowed);
  expect(["one", "two", "three", undefined].map(allowed)).toEqual([
    ["a/x", "b/x"],
    ["b/x"],
    ["a/x", "b/x", "c/x"],
    ["a/x", "b/x", "c/x"],
  ]);
});

test("a rule without listeners holds for the clients of every listener", () => {
  const rules = new Rules([allow("a/#"), allow("b/#", "one")]);
  expect(rules.decide("subscribe", at("one"), "a/+")).toMatchObject({ allowed: true, reason: "allowed by a/#" });
  expect(rules.decide("subscribe", at("one"), "b/+").allowed).toBe(true);
  expect(rules.decide("subscribe", at("two"), "b/+")).toMatchObject({ allowed: false, reason: "no rule allows it" });
});

test("a topic is readable by all if it is at every listener", () => {
  const rules = new Rules([allow("a/#", "one"), allow("b/#", "one", "two")]);
  expect(["a/x", "b/x", "c/x"].map((topic) => rules.isReadableByAll(topic))).toEqual([false, true, false]);
  expect(new Rules([allow("a/#"), allow("b/#", "one")]).isReadableByAll("a/x")).toBe(true);
  expect(new Rules([allow("#", "one")]).isReadableByAll("a/x")).toBe(true);
});

test("a list of no listeners is an error", () => {
  expect(() => new Rules([{ ...allow("a"), listeners: [] }])).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining("a: listeners") }),
  );
});

/** Clients of "outer" may use a/#, those of "inner" everything. */
const access = () => rulesHooks(new Rules([allow("a/#", "outer")]));

test("each client has the rights of its listener", async () => {
  const bench = await StoredBench.start(access().hooks);
  bench.listener = "inner";
  const inner = await bench.connect("inner");
  await subscribe(inner, "#");
  bench.listener = "outer";
  const outer = await bench.connect("outer");
  expect([await subscribe(outer, "b/#"), await subscribe(outer, "#")]).toEqual([[0x87], [2]]);
  for (const topic of ["b/1", "a/1"]) outer.send(message(topic, "x"));
  expect(await receive(inner)).toBe("a/1=x q0");
  expect(await receive(outer)).toBe("a/1=x q0");
  for (const topic of ["b/2", "a/2"]) inner.send(message(topic, "x"));
  expect(await receive(outer)).toBe("a/2=x q0");
});

test("a retained message needs the right of its publisher at the publisher's listener", async () => {
  const running = access();
  const bench = await StoredBench.start(running.hooks);
  for (const listener of ["inner", "outer"]) {
    bench.listener = listener;
    const peer = await bench.connect(listener);
    peer.send(message(`a/${listener}`, "x", { qos: 1, retain: true, packetIdentifier: 1 }));
    await peer.expect("puback");
  }
  running.replace(new Rules([allow("none", "outer")]));
  bench.listener = "inner";
  const reader = await bench.connect("reader");
  await subscribe(reader, "a/#");
  expect(await receive(reader)).toBe("a/inner=x q1 retained");
  reader.send({ type: "pingreq" });
  await reader.expect("pingresp");
});

test("after a restart, the rights of one listener are enough for a retained message", async () => {
  const bench = await StoredBench.start(access().hooks);
  bench.listener = "inner";
  const peer = await bench.connect("w");
  peer.send(message("b", "x", { qos: 1, retain: true, packetIdentifier: 1 }));
  await peer.expect("puback");
  const next = await bench.restart(access().hooks);
  next.listener = "inner";
  const reader = await next.connect("r");
  await subscribe(reader, "#");
  expect(await receive(reader)).toBe("b=x q1 retained");
});

test("after a restart, a will is published only if the rules of every listener allow it", async () => {
  const bench = await StoredBench.start(access().hooks);
  const will = (topic: string) => ({ topic, payload: new Uint8Array(1), qos: 1, retain: true }) as const;
  bench.listener = "outer";
  for (const topic of ["a/will", "b/will"]) await bench.connect(topic, { ...kept, will: will(topic) });
  const next = await bench.restart(access().hooks);
  await next.clock.advance(1_000);
  next.listener = "inner";
  const reader = await next.connect("r");
  await subscribe(reader, "#");
  expect((await reader.expect("publish")).topic).toBe("a/will");
  expect(next.events.filter(({ type }) => type === "publishRefused")).toMatchObject([{ topic: "b/will" }]);
});
