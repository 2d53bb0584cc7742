// Rules that are exchanged while a broker runs: what is revoked ends at once.
import { expect, test } from "vitest";
import { parseMosquittoAcl } from "../../src/rules/mosquitto-acl.ts";
import { Rules } from "../../src/rules/rules.ts";
import { type RulesHooksOptions, rulesHooks } from "../../src/rules/rules-hooks.ts";
import { Bench, kept, message, receive, subscribe } from "../bench.ts";
import { StoredBench } from "../persistence/stored-bench.ts";

const parsed = (acl: string): Rules => new Rules(parseMosquittoAcl(acl, "acl").rules);

/** A broker that takes each user name as the identity, with the rules of an acl_file. */
function started(acl: string, options: RulesHooksOptions = {}) {
  const access = rulesHooks(parsed(acl), options);
  const authenticate = ({ username }: { username: string | undefined }) =>
    username === undefined ? true : { identity: username };
  const bench = new Bench({ authenticate, ...access.hooks });
  return { bench, replace: (next: string) => access.replace(parsed(next)), access };
}

const OPEN = "pattern readwrite #";
const WITHOUT_A = "pattern readwrite #\npattern deny a/#";

test("a refused message and a refused filter are reported with the rule, which the client does not learn", async () => {
  const refused: string[] = [];
  const { bench } = started(WITHOUT_A, {
    onRefused: ({ clientId }, action, topic, { reason }) => refused.push(`${clientId} ${action} ${topic}: ${reason}`),
  });
  const peer = await bench.connect("c");
  peer.send(message("a/b", "x", { qos: 1, packetIdentifier: 1 }));
  const { reasonCode, properties } = await peer.expect("puback");
  expect([reasonCode, properties]).toEqual([0x87, { reasonString: "the rules do not allow publishing to this topic" }]);
  expect(await subscribe(peer, "a/b")).toEqual([0x87]);
  expect(refused).toEqual(["c write a/b: denied by acl:2", "c subscribe a/b: denied by acl:2"]);
  expect(JSON.stringify(bench.events)).not.toContain("acl:");
});

test("a live subscription brings no message that may no longer be read, and others again", async () => {
  const { bench, replace } = started(OPEN);
  const [reader, writer] = [await bench.connect("r"), await bench.connect("w")];
  await subscribe(reader, "#");
  replace(`${OPEN}\npattern deny a/%c`);
  writer.send(message("a/r", "1"));
  writer.send(message("a/x", "2"));
  expect(await receive(reader)).toBe("a/x=2 q0");
  replace(OPEN);
  writer.send(message("a/r", "3"));
  expect(await receive(reader)).toBe("a/r=3 q0");
});

test("a subscription with the right to subscribe brings nothing when that right is gone", async () => {
  const rule = { origin: "1", users: undefined, clients: undefined, effect: "allow", topics: ["a/#"] } as const;
  const access = rulesHooks(new Rules([{ ...rule, actions: new Set(["subscribe", "write"]) }]));
  const bench = new Bench(access.hooks);
  const peer = await bench.connect("c");
  expect(await subscribe(peer, "a/+")).toEqual([2]);
  peer.send(message("a/b", "1"));
  expect(await receive(peer)).toBe("a/b=1 q0");
  access.replace(new Rules([{ ...rule, actions: new Set(["write"]) }]));
  expect(access.rules.decide("subscribe", { clientId: "c", identity: undefined }, "a/+").allowed).toBe(false);
  peer.send(message("a/b", "2"));
  await peer.expectNothing();
});

test.each([1, 2] as const)("a queued QoS %i message is discarded if it may no longer be read", async (qos) => {
  const { bench, replace } = started(OPEN);
  const reader = await bench.connect("r", kept);
  await subscribe(reader, "#");
  reader.cut();
  const writer = await bench.connect("w");
  writer.send(message("a/b", "1", { qos, packetIdentifier: 1 }));
  writer.send(message("b", "2", { qos, packetIdentifier: 2 }));
  await bench.clock.tick();
  replace(WITHOUT_A);
  const again = await bench.connect("r", kept);
  expect(await receive(again)).toBe(`b=2 q${qos}`);
  await again.expectNothing();
});

test("an unacknowledged message is not sent again if it may no longer be read", async () => {
  const { bench, replace } = started(OPEN);
  const reader = await bench.connect("r", kept);
  await subscribe(reader, "#");
  (await bench.connect("w")).send(message("a/b", "1", { qos: 1, packetIdentifier: 1 }));
  await reader.expect("publish");
  reader.cut();
  replace(WITHOUT_A);
  await (await bench.connect("r", kept)).expectNothing();
});

test("a retained message is not sent if it may no longer be read", async () => {
  const { bench, replace } = started(OPEN);
  const writer = await bench.connect("w");
  writer.send(message("a/b", "1", { retain: true }));
  writer.send(message("b", "2", { retain: true }));
  await bench.clock.tick();
  replace(WITHOUT_A);
  const reader = await bench.connect("r");
  await subscribe(reader, "#");
  expect(await receive(reader)).toBe("b=2 q0 retained");
  await reader.expectNothing();
});

test("a retained message is not sent if its publisher may no longer write it, also when the publisher is gone", async () => {
  const user = "user w\ntopic write a/#\ntopic write b/#\n";
  const { bench, replace } = started(`${user}pattern read #`);
  const writer = await bench.connect("w", { username: "w" });
  writer.send(message("a/b", "1", { retain: true }));
  writer.send(message("b/b", "2", { retain: true }));
  writer.send({ type: "disconnect", reasonCode: 0 });
  await bench.clock.tick();
  replace("user w\ntopic write b/#\npattern read #");
  const reader = await bench.connect("r");
  await subscribe(reader, "#");
  expect(await receive(reader)).toBe("b/b=2 q0 retained");
  await reader.expectNothing();
});

test("after a restart with a store, retained and queued messages are checked by the new rules", async () => {
  const authenticate = ({ username }: { username: string | undefined }) =>
    username === undefined ? true : { identity: username };
  const options = (acl: string) => ({ authenticate, ...rulesHooks(parsed(acl)).hooks });
  const first = await StoredBench.start(options("user w\ntopic write #\npattern read #"));
  const reader = await first.connect("r", kept);
  await subscribe(reader, "q/#");
  reader.cut();
  const writer = await first.connect("w", { username: "w" });
  for (const [i, topic] of ["a/1", "b/1", "q/1", "q/2"].entries()) {
    const retain = !topic.startsWith("q");
    writer.send(message(topic, "x", { qos: 1, packetIdentifier: i + 1, retain }));
    await writer.expect("puback");
  }
  const second = await first.restart(options("user w\ntopic write b/#\npattern read #\npattern deny q/1"));
  const again = await second.connect("r", kept);
  expect(await receive(again)).toBe("q/2=x q1");
  await subscribe(again, "+/1");
  expect(await receive(again)).toBe("b/1=x q1 retained");
  await again.expectNothing();
});

test("a shared subscription gives the messages to the members that may still read them", async () => {
  const { bench, replace } = started(OPEN);
  const [first, second] = [await bench.connect("1"), await bench.connect("2")];
  for (const member of [first, second]) await subscribe(member, "$share/g/a/#");
  const writer = await bench.connect("w", { username: "w" });
  replace(`pattern write #\npattern read a/%c\nuser w\ntopic readwrite #`);
  for (const payload of ["x", "y", "z"]) writer.send(message("a/2", payload));
  for (const payload of ["x", "y", "z"]) expect(await receive(second)).toBe(`a/2=${payload} q0`);
  await first.expectNothing();
});

test("a will is not published if its client may no longer write to its topic", async () => {
  const { bench, replace } = started(OPEN);
  const reader = await bench.connect("r");
  await subscribe(reader, "#");
  const will = { topic: "a/b", payload: new Uint8Array(1), qos: 1, retain: true } as const;
  const writer = await bench.connect("w", { will });
  replace("pattern read #");
  writer.cut();
  await reader.expectNothing();
  expect(bench.hub.statistics.retainedMessages).toBe(0);
});

test("what a new rule allows holds at once", async () => {
  const { bench, replace } = started("topic read b");
  const peer = await bench.connect("c");
  expect(await subscribe(peer, "a")).toEqual([0x87]);
  replace(OPEN);
  expect(await subscribe(peer, "a")).toEqual([2]);
});

test("100 exchanges under load lose no message and no connection", async () => {
  const { bench, replace } = started(OPEN);
  const [reader, writer] = [await bench.connect("r"), await bench.connect("w")];
  await subscribe(reader, "b/#");
  const expected: string[] = [];
  const got: string[] = [];
  for (let i = 0; i < 100; i++) {
    replace(i % 2 === 0 ? WITHOUT_A : OPEN);
    for (const [qos, name] of [0, 1, 2].entries()) {
      const level = qos as 0 | 1 | 2;
      writer.send(message(`b/${name}`, `${i}`, { qos: level, packetIdentifier: qos === 0 ? 0 : 3 * i + qos }));
      expected.push(`b/${name}=${i} q${qos}`);
      got.push(await receive(reader));
      if (qos === 2) writer.send({ type: "pubrel", packetIdentifier: 3 * i + qos, reasonCode: 0 });
    }
  }
  expect(got).toEqual(expected);
  expect(bench.events.filter(({ type }) => type === "disconnected" || type === "publishRefused")).toEqual([]);
});

test("a SUBSCRIBE with many filters, compared with many rules, leaves other clients their turns", async () => {
  const { bench } = started(Array.from({ length: 1_000 }, (_, i) => `topic read a${i}/+/b`).join("\n"));
  const peer = await bench.connect("c");
  const subscriptions = Array.from({ length: 1_000 }, (_, i) => ({ topicFilter: `+/${i}`, qos: 0 }) as const);
  peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
  let turns = 0;
  let isAnswered = false;
  const answer = peer.expect("suback").finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    await new Promise((resolve) => setImmediate(resolve));
    await bench.clock.tick();
    turns++;
  }
  expect(new Set((await answer).reasonCodes)).toEqual(new Set([0x87]));
  expect(turns).toBeGreaterThan(50);
});
