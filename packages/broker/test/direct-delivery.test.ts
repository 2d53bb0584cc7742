// QoS 0 messages that are written to several connections without an object for each.
import { beforeEach, describe, expect, test } from "vitest";
import { RouteCache } from "../src/messages/route-cache.ts";
import { Bench, disconnect, message, receive, subscribe } from "./bench.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

/** Clients that subscribe to "a/b", and a publisher. */
async function among(...names: string[]) {
  const peers = await Promise.all(names.map((name) => bench.connect(name)));
  for (const peer of peers) await subscribe(peer, "a/b");
  return { peers, from: await bench.connect("from") };
}

test.each([10, 65_535, 65_536, 70_000])(
  "a message of %i bytes is the same for subscribers of all versions",
  async (length) => {
    const peers = await Promise.all(
      ([3, 4, 5, 5] as const).map((protocolVersion, i) => bench.connect(`to ${i}`, { protocolVersion })),
    );
    for (const peer of peers) await subscribe(peer, "#", { qos: 0 });
    const from = await bench.connect("from");
    for (const text of ["x", "y"]) {
      from.send(message("a/b", text.repeat(length), { properties: { contentType: "letters" } }));
      for (const [i, peer] of peers.entries()) {
        const { topic, payload, qos, properties } = await peer.expect("publish");
        expect([topic, payload.length, payload[length - 1], qos]).toEqual(["a/b", length, text.charCodeAt(0), 0]);
        expect(properties).toEqual(i < 2 ? undefined : { contentType: "letters" });
      }
    }
  },
);

test("a message is longer than the maximum packet size of one subscriber only", async () => {
  const small = await bench.connect("small", { properties: { maximumPacketSize: 100 } });
  const large = await bench.connect("large");
  for (const peer of [small, large]) await subscribe(peer, "a");
  const from = await bench.connect("from");
  from.send(message("a", "x".repeat(200)));
  from.send(message("a", "y"));
  expect(await receive(large)).toBe(`a=${"x".repeat(200)} q0`);
  expect(await receive(large)).toBe("a=y q0");
  expect(await receive(small)).toBe("a=y q0");
  expect(bench.events.filter(({ type }) => type === "dropped")).toMatchObject([{ clientId: "small", topic: "a" }]);
});

test("subscribers with and without topic aliases, no local or identifiers get the message in their own way", async () => {
  const alias = await bench.connect("alias", { properties: { topicAliasMaximum: 5 } });
  const plain = await bench.connect("plain");
  const named = await bench.connect("named");
  const from = await bench.connect("from");
  await subscribe(alias, "long/topic/name");
  await subscribe(plain, "long/topic/name");
  await subscribe(named, "long/topic/name", { subscriptionIdentifier: 7 });
  await subscribe(from, "long/topic/name", { noLocal: true });
  for (const text of ["1", "2", "3"]) {
    from.send(message("long/topic/name", text));
    await alias.expect("publish");
    expect(await plain.expect("publish")).toMatchObject({ topic: "long/topic/name", properties: undefined });
    expect((await named.expect("publish")).properties).toEqual({ subscriptionIdentifiers: [7] });
  }
  await from.expectNothing();
});

describe("a change of the subscriptions counts from the next message on", () => {
  test("when a client subscribes, unsubscribes or ends its session", async () => {
    const { peers, from } = await among("one", "two");
    const [one, two] = peers as [(typeof peers)[0], (typeof peers)[0]];
    const publish = (text: string) => from.send(message("a/b", text));
    publish("1");
    for (const peer of peers) expect(await receive(peer)).toBe("a/b=1 q0");
    one.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a/b"] });
    await one.expect("unsuback");
    publish("2");
    expect(await receive(two)).toBe("a/b=2 q0");
    await one.expectNothing();
    await subscribe(one, "a/+");
    two.send(disconnect);
    await bench.clock.tick();
    publish("3");
    expect(await receive(one)).toBe("a/b=3 q0");
  });

  test("when another filter of the same client, or a shared one, matches the topic", async () => {
    const { peers, from } = await among("one", "two");
    const [one, two] = peers as [(typeof peers)[0], (typeof peers)[0]];
    from.send(message("a/b", "1"));
    for (const peer of peers) await peer.expect("publish");
    await subscribe(one, "a/#", { subscriptionIdentifier: 3 });
    from.send(message("a/b", "2"));
    expect((await one.expect("publish")).properties).toEqual({ subscriptionIdentifiers: [3] });
    await two.expect("publish");
    await one.expectNothing();
    await subscribe(two, "$share/group/a/b");
    from.send(message("a/b", "3"));
    await one.expect("publish");
    await two.expect("publish");
    await one.expectNothing();
  });
});

describe("the routes of recent topics", () => {
  test("are kept until they are discarded", () => {
    const routes = new RouteCache<string>();
    routes.add("a", ["x", "y"]);
    expect(routes.get("a")).toEqual(["x", "y"]);
    expect(routes.get("b")).toBeUndefined();
    routes.clear();
    expect(routes.get("a")).toBeUndefined();
  });

  test.each([
    ["many topics", 1, 50_000],
    ["many targets", 100_000, 10],
  ])("are limited with %s", (_, targets, topics) => {
    const routes = new RouteCache<number>();
    const route = Array.from({ length: targets }, (_, i) => i);
    for (let i = 0; i < topics; i++) routes.add(`topic ${i}`, route);
    let bytes = 0;
    for (let i = 0; i < topics; i++) if (routes.get(`topic ${i}`) !== undefined) bytes += 128 + 8 * targets;
    expect(bytes).toBeLessThanOrEqual(4_194_304);
  });

  test("do not include long topics", () => {
    const routes = new RouteCache<string>();
    routes.add("a".repeat(257), []);
    expect(routes.get("a".repeat(257))).toBeUndefined();
  });
});
