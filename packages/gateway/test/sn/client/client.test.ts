import { ClosedError, TimeoutError, UsageError } from "@aiko/mqtt";
import { FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import { connect, createClient, type SnMessage, type SnOptions } from "@aiko/mqtt-gateway/sn";
import { describe, expect, test } from "vitest";
import { SmallGateway } from "./small-gateway.ts";

function network(more: SnOptions = {}) {
  const clock = new FakeClock();
  const gateway = new SmallGateway(clock);
  const options: SnOptions = { clientId: "n1", datagram: gateway, clock, random: new SeededRandom(1), ...more };
  return { clock, gateway, options };
}

async function connected(more: SnOptions = {}) {
  const net = network(more);
  const client = await net.clock.until(connect("udp://gateway", net.options));
  return { ...net, client };
}

const textsOf = (messages: readonly SnMessage[]) =>
  messages.map(({ topic, payload }) => `${topic}: ${Buffer.from(payload)}`);

describe("connecting", () => {
  test("resolves at CONNACK, and disconnecting closes the way", async () => {
    const { client, clock, gateway } = await connected();
    expect([client.state, gateway.isOpen]).toEqual(["active", true]);
    await clock.until(client.disconnect());
    expect([client.state, gateway.isOpen, gateway.types]).toEqual(["disconnected", false, ["connect", "disconnect"]]);
    expect(clock.nextTimer).toBe(Infinity);
  });

  test("sends the will", async () => {
    const { gateway } = await connected({ will: { topic: "gone", payload: "bye", qos: 1 } });
    expect(gateway.answers.received).toMatchObject([
      { type: "connect", will: true },
      { type: "willtopic", will: { topic: "gone", qos: 1, retain: false } },
      { type: "willmsg", message: new TextEncoder().encode("bye") },
    ]);
  });

  test("fails if the gateway does not answer, and says what the network reported", async () => {
    const { clock, gateway, options } = network();
    gateway.isThere = false;
    const connecting = connect("udp://gateway", options);
    connecting.catch(() => undefined);
    await clock.advance(10);
    gateway.problem(new Error("port unreachable"));
    await expect(clock.until(connecting)).rejects.toThrow(/sent 4 times; the network reported: port unreachable/);
    expect(gateway.isOpen).toBe(false);
  });

  test("can be aborted", async () => {
    const { clock, gateway, options } = network();
    gateway.isThere = false;
    const abort = new AbortController();
    const connecting = connect("udp://gateway", { ...options, signal: abort.signal });
    connecting.catch(() => undefined);
    await clock.advance(100);
    abort.abort();
    await expect(clock.until(connecting)).rejects.toMatchObject({ name: "AbortError" });
    expect(gateway.isOpen).toBe(false);
  });

  test("the identifier is random if none is given", async () => {
    const { client } = await connected({ clientId: undefined });
    expect(client.clientId).toMatch(/^aiko-[a-z0-9]{15}$/);
  });
});

describe("publishing", () => {
  test.each([0, 1, 2] as const)("at QoS %d resolves when the message has arrived", async (qos) => {
    const { client, clock, gateway } = await connected();
    await clock.until(client.publish("a/b", "21.5", { qos, retain: true }));
    await clock.advance(10);
    const sent = gateway.answers.received.find(({ type }) => type === "publish");
    expect(sent).toMatchObject({ qos, retain: true, data: new TextEncoder().encode("21.5") });
  });

  test("at QoS -1 needs no connection", async () => {
    const { clock, gateway, options } = network();
    const client = createClient("udp://gateway", options);
    await clock.until(client.publish({ predefined: 7 }, "on", { qos: -1 }));
    await clock.until(client.publish({ short: "ab" }, "on", { qos: -1 }));
    await expect(client.publish("a/b", "on", { qos: -1 })).rejects.toThrow(/must be predefined or a short topic name/);
    await clock.advance(10);
    expect(gateway.types).toEqual(["publish", "publish"]);
    await clock.until(client.disconnect());
    expect(gateway.types).toEqual(["publish", "publish"]);
  });

  test("a name that was registered needs no further exchange", async () => {
    const { client, clock, gateway } = await connected();
    await clock.until(client.register("a"));
    await clock.until(client.publish("a", ""));
    await clock.advance(10);
    expect(gateway.types).toEqual(["connect", "register", "publish"]);
  });
});

describe("subscribing", () => {
  test("a handler receives the messages, one after the other", async () => {
    const { client, clock, gateway } = await connected();
    const seen: string[] = [];
    const release: (() => void)[] = [];
    const subscription = await clock.until(
      client.subscribe("a/+", {
        qos: 1,
        onMessage: (message) => {
          seen.push(`${message.topic} ${message.text()}`);
          return new Promise<void>((resolve) => void release.push(resolve));
        },
      }),
    );
    expect(subscription.granted).toBe(1);
    gateway.say(...gateway.answers.publish("a/b", "1"), ...gateway.answers.publish("a/c", "2"));
    await clock.advance(100);
    expect([seen, gateway.types.includes("puback")]).toEqual([["a/b 1"], false]);
    release.shift()?.();
    await clock.advance(100);
    expect([seen, gateway.types.filter((type) => type === "puback").length]).toEqual([["a/b 1", "a/c 2"], 1]);
  });

  test("an iterator acknowledges a message when the next one is requested", async () => {
    const { client, clock, gateway } = await connected();
    const subscription = await clock.until(client.subscribe({ predefined: 7 }, { qos: 2 }));
    const iterator = subscription[Symbol.asyncIterator]();
    gateway.say(...gateway.answers.publish("seven", "x"));
    const first = await clock.until(iterator.next());
    expect(first.value).toMatchObject({ predefinedId: 7, topic: undefined, qos: 2 });
    await clock.advance(100);
    expect(gateway.types).not.toContain("pubrec");
    const next = iterator.next();
    await clock.advance(100);
    expect(gateway.types).toContain("pubrec");
    await clock.until(client.disconnect());
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test("leaving a loop ends the subscription", async () => {
    const { client, clock, gateway } = await connected();
    const subscription = await clock.until(client.subscribe("a"));
    const seen: SnMessage[] = [];
    const loop = (async () => {
      for await (const message of subscription) {
        seen.push(message);
        break;
      }
    })();
    gateway.say(...gateway.answers.publish("a", "1"));
    await clock.until(loop);
    expect([textsOf(seen), subscription.closed, gateway.types.at(-1)]).toEqual([["a: 1"], true, "unsubscribe"]);
  });

  test("the client's own messages come back", async () => {
    const { client, clock } = await connected();
    const seen: SnMessage[] = [];
    await clock.until(client.subscribe({ short: "ab" }, { onMessage: (message) => seen.push(message) }));
    await clock.until(client.publish({ short: "ab" }, "hello", { qos: 2 }));
    await clock.advance(100);
    expect(textsOf(seen)).toEqual(["ab: hello"]);
  });

  test("a handler that throws is reported, and its message is acknowledged", async () => {
    const problems: unknown[] = [];
    const { client, clock, gateway } = await connected({ onProblem: (problem) => problems.push(problem) });
    await clock.until(
      client.subscribe("a", {
        qos: 1,
        onMessage: () => {
          throw new Error("broken");
        },
      }),
    );
    gateway.say(...gateway.answers.publish("a", "1"));
    await clock.advance(100);
    expect(problems).toMatchObject([{ message: "broken" }]);
    expect(gateway.types).toContain("puback");
  });

  test("a message of no subscription goes to the option onMessage", async () => {
    const seen: SnMessage[] = [];
    const { clock, gateway } = await connected({
      onMessage: (message) => seen.push(message),
      predefined: { 9: "nine" },
    });
    const topic = { kind: "predefined", id: 9 } as const;
    gateway.say({ type: "publish", topic, qos: 1, dup: false, retain: true, messageId: 3, data: Uint8Array.of(49) });
    await clock.advance(100);
    expect([textsOf(seen), gateway.types.at(-1)]).toEqual([["nine: 1"], "puback"]);
  });

  test("a message of no subscription is reported if there is no onMessage", async () => {
    const problems: unknown[] = [];
    const { clock, gateway } = await connected({ onProblem: (problem) => problems.push(problem) });
    const topic = { kind: "predefined", id: 9 } as const;
    gateway.say({ type: "publish", topic, qos: 1, dup: false, retain: true, messageId: 3, data: Uint8Array.of(49) });
    await clock.advance(100);
    expect(problems).toMatchObject([{ message: expect.stringContaining("the predefined topic 9") }]);
    expect(gateway.types.at(-1)).toBe("puback");
  });

  test("messages of QoS 0 that nobody takes have a bound", async () => {
    const { client, clock, gateway } = await connected();
    const subscription = await clock.until(client.subscribe("a"));
    for (let i = 0; i < 1010; i++) gateway.say(...gateway.answers.publish("a", `${i}`));
    await clock.advance(100);
    expect(subscription.dropped).toBe(10);
    expect((await subscription[Symbol.asyncIterator]().next()).value?.text()).toBe("10");
  });
});

describe("a gateway that is lost", () => {
  test("is connected again, with the subscriptions", async () => {
    const states: string[] = [];
    const { client, clock, gateway } = await connected({ onState: (state) => states.push(state) });
    const seen: SnMessage[] = [];
    await clock.until(client.subscribe("a", { onMessage: (message) => seen.push(message) }));
    gateway.isThere = false;
    await expect(clock.until(client.publish("a", "1", { qos: 1 }))).rejects.toBeInstanceOf(TimeoutError);
    await expect(client.publish("a", "1")).rejects.toBeInstanceOf(ClosedError);
    gateway.isThere = true;
    await clock.advance(60_000);
    expect(client.state).toBe("active");
    gateway.say(...gateway.answers.publish("a", "2"));
    await clock.advance(100);
    expect(textsOf(seen)[0]).toBe("a: 2");
    expect(states).toEqual(["connecting", "active", "lost", "connecting", "active"]);
  });

  test("is tried again and again, with growing delays, until disconnect", async () => {
    const { client, clock, gateway } = await connected({ retry: 100, retries: 0 });
    gateway.isThere = false;
    gateway.say({ type: "disconnect" });
    await clock.advance(3_600_000);
    expect(["connecting", "lost"]).toContain(client.state);
    gateway.isThere = true;
    await clock.advance(61_000);
    expect(client.state).toBe("active");
    await clock.until(client.disconnect());
    expect(clock.nextTimer).toBe(Infinity);
  });

  test("without reconnect ends the iterators with the error", async () => {
    const { client, clock, gateway } = await connected({ reconnect: false });
    const subscription = await clock.until(client.subscribe("a"));
    const next = subscription[Symbol.asyncIterator]().next();
    next.catch(() => undefined);
    gateway.say({ type: "disconnect" });
    await clock.advance(100);
    await expect(next).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(clock.nextTimer).toBe(Infinity);
  });

  test("does not keep disconnect from returning", async () => {
    const { client, clock, gateway } = await connected();
    gateway.isThere = false;
    const publishing = client.publish("a", "1", { qos: 1 });
    publishing.catch(() => undefined);
    const began = clock.now();
    await clock.until(client.disconnect());
    expect(clock.now() - began).toBe(5_000);
    await expect(publishing).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });
});

describe("sleeping", () => {
  test("messages come when the client wakes", async () => {
    const { client, clock, gateway } = await connected();
    const seen: SnMessage[] = [];
    await clock.until(client.subscribe("a", { qos: 1, onMessage: (message) => seen.push(message) }));
    await clock.until(client.sleep(60));
    gateway.say(...gateway.answers.publish("a", "1"));
    await clock.advance(59_000);
    expect([client.state, seen]).toEqual(["asleep", []]);
    await clock.advance(2_000);
    expect([client.state, textsOf(seen)]).toEqual(["asleep", ["a: 1"]]);
    gateway.say(...gateway.answers.publish("a", "2"));
    await clock.until(client.wake());
    expect(textsOf(seen)).toEqual(["a: 1", "a: 2"]);
  });

  test("connecting ends it", async () => {
    const { client, clock } = await connected();
    await clock.until(client.sleep(60));
    await clock.until(client.connect());
    await clock.until(client.publish("a", "1", { qos: 1 }));
    expect(client.state).toBe("active");
  });

  test("continues after the gateway was lost", async () => {
    const { client, clock, gateway } = await connected();
    await clock.until(client.sleep(60));
    gateway.isThere = false;
    await clock.advance(120_000);
    gateway.isThere = true;
    await clock.advance(120_000);
    expect(client.state).toBe("asleep");
  });
});

test("a new will is sent", async () => {
  const { client, clock, gateway } = await connected();
  await clock.until(client.updateWill({ topic: "w", payload: "x" }));
  await clock.until(client.updateWill(undefined));
  expect(gateway.types.slice(1)).toEqual(["willtopicupd", "willmsgupd", "willtopicupd"]);
});

test("a malformed datagram is reported", async () => {
  const problems: unknown[] = [];
  const { clock, gateway } = await connected({ onProblem: (problem) => problems.push(problem) });
  gateway.say({ type: "searchgw", radius: 1 });
  await clock.advance(100);
  expect(problems).toMatchObject([{ message: expect.stringContaining("searchgw") }]);
});

describe("what is not valid is refused with its name", () => {
  test.each<[string, unknown, string]>([
    ["an unknown option", { keepalive: 3 }, 'unknown option "keepalive"; did you mean "keepAlive"?'],
    ["an empty identifier", { clientId: "" }, 'clientId "": must be a string of 1 to 64 bytes'],
    ["a keep-alive", { keepAlive: 65_536 }, "keepAlive 65536"],
    ["a will without a topic", { will: { payload: "" } }, "will.topic: is required"],
    ["a will without a payload", { will: { topic: "a" } }, "will.payload: is required"],
    ["a will's topic", { will: { topic: "a/#", payload: "" } }, "wildcard"],
    ["a predefined identifier", { predefined: { 0: "a" } }, "predefined.0"],
    ["a predefined name", { predefined: { 1: "+" } }, "wildcard"],
  ])("%s", (_, options, message) => {
    expect(() => createClient("udp://gateway", options as SnOptions)).toThrow(UsageError);
    expect(() => createClient("udp://gateway", options as SnOptions)).toThrow(message);
  });

  test.each([
    ["http://gateway", "must begin with udp://"],
    ["gateway:1883", "must begin with udp://"],
    ["udp://", "has no host"],
    ["udp://gateway/topic", "must have a host and a port only"],
    ["udp://gateway:0", "the port must not be 0"],
    ["//", "must be a URL"],
  ])("the URL %s", (url, message) => {
    expect(() => createClient(url)).toThrow(message);
  });

  test("arguments of calls", async () => {
    const { client } = await connected();
    const calls: [() => Promise<unknown>, string][] = [
      [() => client.publish("a/#", ""), "wildcard"],
      [() => client.publish("a", 5 as never), "payload"],
      [() => client.publish("a", "", { qos: 3 as never }), "qos 3"],
      [() => client.publish("a", "", { retain: 1 as never }), "retain 1"],
      [() => client.publish({ predefined: 0 }, ""), "topic.predefined 0"],
      [() => client.publish({ short: "abc" }, ""), 'topic.short "abc": must have exactly two octets'],
      [() => client.publish({} as never, ""), "must be a string, { predefined: ID } or { short: NAME }"],
      [() => client.publish({ short: "ab" }, "x".repeat(1400), { qos: 1 }), "maximumDatagram"],
      [() => client.publish({ predefined: 7 }, "x".repeat(1400), { qos: -1 }), "maximumDatagram"],
      [() => client.subscribe("a#"), "must be the only character"],
      [() => client.subscribe({ short: "a#" }), "wildcard"],
      [() => client.subscribe("a", { qos: -1 as never }), "qos -1"],
      [() => client.subscribe("a", { onMessage: 1 as never }), "onMessage 1"],
      [() => client.sleep(0), "seconds 0"],
      [() => client.register("#"), "wildcard"],
    ];
    for (const [call, message] of calls) {
      const rejected = (async () => call())();
      await expect(rejected).rejects.toThrow(message);
    }
  });
});
