// authorizeDeliver: which messages clients may receive.
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import type { BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { Bench, kept, message, receive, subscribe } from "../bench.ts";
import { type Decision, decision } from "./decision.ts";

/** A broker whose rights the test can change. */
function withRights(options: BrokerOptions = {}) {
  const revoked = new Set<string>();
  const asked: string[] = [];
  const bench = new Bench({
    authorizeDeliver: ({ clientId }, { topic, publisher }) => {
      asked.push(`${publisher}: ${topic} to ${clientId}`);
      return !revoked.has(clientId) && !revoked.has(`${clientId} ${topic}`);
    },
    ...options,
  });
  return { bench, revoked, asked };
}

/** A broker whose hook answers later, once for each message. */
function deciding(options: BrokerOptions = {}) {
  const open: (Decision<boolean> & { readonly what: string })[] = [];
  const bench = new Bench({
    authorizeDeliver: ({ clientId }, { topic }) => {
      const next = decision<boolean>();
      open.push({ ...next, what: `${topic} to ${clientId}` });
      return next.promise;
    },
    ...options,
  });
  return { bench, open };
}

async function reading(bench: Bench, clientId: string, filter = "#", fields = {}): Promise<ScriptedPeer> {
  const peer = await bench.connect(clientId, fields);
  await subscribe(peer, filter);
  return peer;
}

describe("a client", () => {
  test("receives what it may receive; others receive the rest", async () => {
    const { bench, revoked, asked } = withRights();
    revoked.add("a secret");
    const [a, b] = [await reading(bench, "a"), await reading(bench, "b")];
    const peer = await bench.connect("c");
    peer.send(message("secret", "x"));
    peer.send(message("public", "y"));
    expect(await receive(a)).toBe("public=y q0");
    expect([await receive(b), await receive(b)]).toEqual(["secret=x q0", "public=y q0"]);
    expect(asked).toEqual(["c: secret to a", "c: secret to b", "c: public to a", "c: public to b"]);
  });

  test("does not receive retained messages and wills that it may not receive", async () => {
    const { bench, revoked } = withRights();
    revoked.add("a kept").add("a will");
    const will = { topic: "will", payload: new Uint8Array(1), qos: 0, retain: false } as const;
    const peer = await bench.connect("c", { will });
    peer.send(message("kept", "x", { retain: true }));
    const a = await reading(bench, "a");
    peer.cut();
    await bench.clock.tick();
    await a.expectNothing();
  });

  test.each([1, 2] as const)("does not receive queued QoS %i messages after its right was revoked", async (qos) => {
    const { bench, revoked } = withRights();
    const reader = await reading(bench, "a", "#", kept);
    reader.cut();
    const peer = await bench.connect("c");
    peer.send(message("t", "1", { qos, packetIdentifier: 1 }));
    peer.send(message("other", "2", { qos, packetIdentifier: 2 }));
    await bench.clock.tick();
    revoked.add("a t");
    const again = await bench.connect("a", kept);
    expect(await receive(again)).toBe(`other=2 q${qos}`);
    await again.expectNothing();
    expect(bench.hub.clientList.get("a")?.queued).toEqual({ count: 0, bytes: 0 });
  });

  test("is not sent again what it may no longer receive", async () => {
    const { bench, revoked } = withRights();
    const reader = await reading(bench, "a", "#", kept);
    const peer = await bench.connect("c");
    peer.send(message("t", "1", { qos: 1, packetIdentifier: 1 }));
    await reader.expect("publish");
    reader.cut();
    revoked.add("a");
    const again = await bench.connect("a", kept);
    await again.expectNothing();
    revoked.clear();
    peer.send(message("t", "2", { qos: 1, packetIdentifier: 2 }));
    expect(await receive(again)).toBe("t=2 q1");
  });

  test("that reads slowly is asked about when it reads again", async () => {
    const { bench, revoked } = withRights();
    const reader = await reading(bench, "a", "#", { properties: { receiveMaximum: 1 } });
    const peer = await bench.connect("c");
    for (const [i, topic] of ["1", "2", "3"].entries())
      peer.send(message(topic, "x", { qos: 1, packetIdentifier: i + 1 }));
    const { packetIdentifier } = await reader.expect("publish");
    revoked.add("a 2");
    reader.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    expect(await receive(reader)).toBe("3=x q1");
  });
});

describe("a shared subscription", () => {
  test.each([0, 1] as const)("chooses another member at QoS %i, each once", async (qos) => {
    const { bench, revoked, asked } = withRights();
    const members = await Promise.all(["a", "b", "d"].map((name) => reading(bench, name, "$share/g/t")));
    revoked.add("a").add("b");
    const peer = await bench.connect("c");
    for (let i = 1; i <= 3; i++) peer.send(message("t", `${i}`, { qos, packetIdentifier: qos * i }));
    const last = members[2] as ScriptedPeer;
    for (let i = 1; i <= 3; i++) expect(await receive(last)).toBe(`t=${i} q${qos}`);
    asked.length = 0;
    revoked.add("d");
    peer.send(message("t", "4", { qos, packetIdentifier: qos * 4 }));
    await bench.clock.tick();
    expect(asked.toSorted()).toEqual(["c: t to a", "c: t to b", "c: t to d"]);
    await Promise.all(members.map((member) => member.expectNothing()));
  });

  test("with a thousand members that may not receive is asked once for each", async () => {
    const { bench, revoked, asked } = withRights();
    for (let i = 0; i < 1_000; i++) {
      revoked.add(`m${i}`);
      await reading(bench, `m${i}`, "$share/g/t");
    }
    (await bench.connect("c")).send(message("t", "x"));
    await bench.clock.tick();
    expect(new Set(asked).size).toBe(1_000);
    expect(asked).toHaveLength(1_000);
  });

  test("passes a queued message on when its member may no longer receive it", async () => {
    const { bench, revoked } = withRights();
    const a = await reading(bench, "a", "$share/g/t", kept);
    a.cut();
    const peer = await bench.connect("c");
    peer.send(message("t", "x", { qos: 1, packetIdentifier: 1 }));
    const b = await reading(bench, "b", "$share/g/t");
    revoked.add("a");
    const again = await bench.connect("a", kept);
    await again.expectNothing();
    expect(await receive(b)).toBe("t=x q1");
  });

  test("passes undecided messages on when the session of its member ends", async () => {
    const { bench, open } = deciding();
    const a = await reading(bench, "a", "$share/g/t");
    const peer = await bench.connect("c");
    peer.send(message("t", "x", { qos: 1, packetIdentifier: 1 }));
    await bench.clock.tick();
    const b = await reading(bench, "b", "$share/g/t");
    a.cut();
    await bench.clock.tick();
    expect(open.map(({ what }) => what)).toEqual(["t to a", "t to b"]);
    open[0]?.answer(true);
    open[1]?.answer(true);
    expect(await receive(b)).toBe("t=x q1");
  });
});

describe("answers that come later", () => {
  test("keep the order of a client's messages; others do not wait", async () => {
    const { bench, open } = deciding();
    const a = await reading(bench, "a");
    const peer = await bench.connect("c");
    peer.send(message("1", ""));
    peer.send(message("2", "", { qos: 1, packetIdentifier: 1 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0); // the publisher does not wait
    expect(open.map(({ what }) => what)).toEqual(["1 to a"]);
    const b = await reading(bench, "b");
    peer.send(message("3", ""));
    await bench.clock.tick();
    open[1]?.answer(true);
    expect(await receive(b)).toBe("3= q0");
    open[0]?.answer(false);
    await bench.clock.tick();
    open[2]?.answer(true);
    await bench.clock.tick();
    open[3]?.answer(true);
    expect([await receive(a), await receive(a)]).toEqual(["2= q1", "3= q0"]);
  });

  test("count with the outbox: messages beyond its bounds are dropped", async () => {
    const { bench, open } = deciding({ outbox: { maximumCount: 3 } });
    const a = await reading(bench, "a");
    const peer = await bench.connect("c");
    for (let i = 1; i <= 5; i++) peer.send(message(`${i}`, "x"));
    await bench.clock.tick();
    expect(bench.events.filter(({ type }) => type === "dropped")).toMatchObject([{ topic: "4" }, { topic: "5" }]);
    expect(bench.hub.clientList.get("a")?.queued).toEqual({ count: 3, bytes: 6 });
    for (let i = 0; i < 3; i++) {
      open[i]?.answer(true);
      await bench.clock.tick();
    }
    expect([await receive(a), await receive(a), await receive(a)]).toEqual(["1=x q0", "2=x q0", "3=x q0"]);
    expect(open).toHaveLength(3);
    expect(bench.hub.clientList.get("a")?.queued).toEqual({ count: 0, bytes: 0 });
  });

  test("hold queued messages back when their client is back, in order", async () => {
    const { bench, open } = deciding();
    (await reading(bench, "a", "#", kept)).cut();
    const peer = await bench.connect("c");
    for (let i = 1; i <= 3; i++) {
      peer.send(message(`${i}`, "x", { qos: 1, packetIdentifier: i }));
      await peer.expect("puback");
      open[i - 1]?.answer(true);
      await bench.clock.tick();
    }
    const again = await bench.connect("a", kept);
    await again.expectNothing();
    expect(open).toHaveLength(4);
    open[3]?.answer(true);
    expect(await receive(again)).toBe("1=x q1");
    open[4]?.answer(false);
    await bench.clock.tick();
    open[5]?.answer(true);
    expect(await receive(again)).toBe("3=x q1");
    await again.expectNothing();
  });

  test("let retained messages wait outside the outbox", async () => {
    const bench = new Bench({
      authorizeDeliver: (_, { topic }) => Promise.resolve(topic !== "r/7"),
      outbox: { maximumCount: 5 },
    });
    const peer = await bench.connect("c");
    for (let i = 0; i < 300; i++) peer.send(message(`r/${i}`, "x", { retain: true }));
    await bench.clock.tick();
    const a = await reading(bench, "a", "r/#");
    await bench.clock.tick();
    expect(a.received.filter(({ type }) => type === "publish")).toHaveLength(299);
    expect(bench.events.filter(({ type }) => type === "dropped")).toEqual([]);
  });

  test("that arrive when their client has gone again are asked for again", async () => {
    const { bench, open } = deciding();
    (await reading(bench, "a", "#", kept)).cut();
    const peer = await bench.connect("c");
    peer.send(message("t", "x", { qos: 1, packetIdentifier: 1 }));
    await bench.clock.tick();
    open[0]?.answer(true);
    await bench.clock.tick();
    (await bench.connect("a", kept)).cut();
    await bench.clock.tick();
    open[1]?.answer(false); // too late to count
    const again = await bench.connect("a", kept);
    await bench.clock.tick();
    open[2]?.answer(true);
    expect(await receive(again)).toBe("t=x q1");
  });

  test("and never come drop each message after hookTimeout; nothing is left when the session has ended", async () => {
    const { bench } = deciding({ hookTimeout: 1_000 });
    const errors: unknown[] = [];
    bench.hub.events.on("error", (error) => errors.push(error));
    const a = await reading(bench, "a");
    const peer = await bench.connect("c");
    peer.send(message("1", ""));
    peer.send(message("2", ""));
    await bench.clock.advance(1_001);
    expect(errors).toMatchObject([{ code: "HANDLER_TIMEOUT" }]);
    a.cut();
    await bench.clock.advance(1_001);
    expect(bench.clock.nextTimer).toBe(Infinity);
    expect(bench.hub.statistics.sessions).toBe(1);
  });
});

test("a hook that throws drops the message for that client only", async () => {
  const { bench } = withRights({
    authorizeDeliver: ({ clientId }) => {
      if (clientId === "a") throw new Error("mine");
      return true;
    },
  });
  const errors: unknown[] = [];
  bench.hub.events.on("error", (error) => errors.push(error));
  const [a, b] = [await reading(bench, "a"), await reading(bench, "b")];
  (await bench.connect("c")).send(message("t", "x"));
  expect(await receive(b)).toBe("t=x q0");
  await a.expectNothing();
  expect(errors).toEqual([new Error("mine")]);
});

test("ending the session within the hook is safe", async () => {
  const { bench } = withRights({
    authorizeDeliver: (client) => {
      client.endSession();
      return true;
    },
  });
  const a = await reading(bench, "a", "#", kept);
  const peer = await bench.connect("c");
  peer.send(message("t", "x", { qos: 1, packetIdentifier: 1 }));
  await a.expect("disconnect");
  expect((await peer.expect("puback")).reasonCode).toBe(0);
  expect(bench.hub.statistics).toMatchObject({ sessions: 1, subscriptions: 0 });
});

test("a message that a member of a shared subscription has received does not go to another member", async () => {
  const { bench, open } = deciding();
  const a = await reading(bench, "a", "$share/g/t");
  const peer = await bench.connect("c");
  peer.send(message("t", "1", { qos: 1, packetIdentifier: 1 }));
  peer.send(message("t", "2", { qos: 1, packetIdentifier: 2 }));
  await bench.clock.tick();
  open[0]?.answer(true);
  const { packetIdentifier } = await a.expect("publish");
  a.send({ type: "puback", packetIdentifier: packetIdentifier as number, reasonCode: 0 });
  await bench.clock.tick();
  const b = await reading(bench, "b", "$share/g/t");
  a.cut();
  for (let i = 2; i < 6; i++) {
    await bench.clock.tick();
    open[i]?.answer(true);
  }
  expect(await receive(b)).toBe("t=2 q1");
  await b.expectNothing();
});

test("messages that were decided leave room for others", async () => {
  const { bench, open } = deciding({ outbox: { maximumCount: 3 } });
  const a = await reading(bench, "a");
  const peer = await bench.connect("c");
  for (let i = 0; i < 8; i++) {
    peer.send(message("t", `${i}`));
    if (i === 0) continue;
    await bench.clock.tick();
    open[i - 1]?.answer(true);
    expect(await receive(a)).toBe(`t=${i - 1} q0`);
  }
  expect(bench.hub.clientList.get("a")?.queued.count).toBe(1);
});

describe("deliversToAll", () => {
  test("lets messages take the direct path; others are still decided one by one", async () => {
    const { bench, revoked } = withRights({ deliversToAll: (topic) => topic === "public" });
    revoked.add("a secret");
    const a = await reading(bench, "a");
    const peer = await bench.connect("c");
    for (const topic of ["secret", "public", "other"]) peer.send(message(topic, "x"));
    expect([await receive(a), await receive(a)]).toEqual(["public=x q0", "other=x q0"]);
  });

  test("does not let a message overtake one that waits for its decision", async () => {
    const { bench, open } = deciding({ deliversToAll: (topic) => topic === "public" });
    const a = await reading(bench, "a");
    const peer = await bench.connect("c");
    for (const topic of ["first", "public"]) peer.send(message(topic, "x"));
    await bench.clock.tick();
    open[0]?.answer(true);
    await bench.clock.tick();
    open[1]?.answer(true);
    expect([await receive(a), await receive(a)]).toEqual(["first=x q0", "public=x q0"]);
  });

  test("that throws is reported, and the message is decided", async () => {
    const error = new Error("wrong");
    const { bench } = withRights({
      deliversToAll: () => {
        throw error;
      },
    });
    const errors: unknown[] = [];
    bench.hub.events.on("error", (each) => errors.push(each));
    const a = await reading(bench, "a");
    (await bench.connect("c")).send(message("t", "x"));
    expect(await receive(a)).toBe("t=x q0");
    expect(new Set(errors)).toEqual(new Set([error]));
  });

  test("that does not answer true or false is reported, and the message is decided", async () => {
    const answers: unknown[] = [Promise.reject(new Error("later")), Promise.resolve(true), "yes"];
    const { bench } = withRights({ deliversToAll: (() => answers.shift() ?? false) as () => boolean });
    const errors: string[] = [];
    bench.hub.events.on("error", (each) => errors.push((each as Error).message));
    const a = await reading(bench, "a");
    const peer = await bench.connect("c");
    for (const payload of ["1", "2", "3"]) peer.send(message("t", payload));
    expect([await receive(a), await receive(a), await receive(a)]).toEqual(["t=1 q0", "t=2 q0", "t=3 q0"]);
    const allowed = "deliversToAll: must answer true or false, not";
    expect(errors.sort()).toEqual([
      `${allowed} "yes"`,
      `${allowed} an empty object`,
      `${allowed} an empty object`,
      "later",
    ]);
  });
});
