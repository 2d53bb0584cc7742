import { describe, expect, test } from "vitest";
import { random } from "../../src/transport/random.ts";
import { Bench, message, watch } from "./bench.ts";

const text = (data: Uint8Array | undefined) => String.fromCharCode(...(data ?? []));

describe("on MQTT 5", () => {
  test("carries Response Topic and Correlation Data, and all use the same inbox", async () => {
    const { bench, client, peer } = await new Bench().online();
    const asked = [client.request("q", "1"), client.request("q", "2")];
    const subscribe = await peer.expect("subscribe");
    expect(subscribe.subscriptions).toMatchObject([{ topicFilter: "response/c1" }]);
    peer.send({ type: "suback", packetIdentifier: subscribe.packetIdentifier, reasonCodes: [1] });
    for (const answer of ["A", "B"]) {
      const { properties } = await peer.expect("publish");
      expect(properties?.responseTopic).toBe("response/c1");
      const correlationData = properties?.correlationData as Uint8Array;
      peer.send({ ...message("response/c1", answer), properties: { correlationData } });
    }
    const answers = await bench.passing(Promise.all(asked));
    expect(answers.map((answer) => text(answer.payload))).toEqual(["A", "B"]);
  });

  test("made before the first connection waits until the version is known", async () => {
    const bench = new Bench();
    const client = bench.create();
    const asked = watch(client.request("q", "?", { timeout: 60_000 }));
    const peer = await bench.connected(client);
    await bench.answer(peer, "subscribe", 1);
    const { properties } = await peer.expect("publish");
    peer.send({ ...message("response/c1", "A"), properties: { correlationData: properties?.correlationData } });
    await bench.clock.tick();
    expect(asked.value?.text()).toBe("A");
  });

  test("made without a connection is not sent after its timeout", async () => {
    const bench = new Bench();
    const client = bench.create();
    const asked = watch(client.request("q", "?", { timeout: 1_000 }));
    await bench.clock.advance(1_000);
    expect(asked.error).toMatchObject({ code: "REQUEST_TIMEOUT" });
    const peer = await bench.connected(client);
    await peer.expectNothing();
  });

  test("uses the server's response information", async () => {
    const { client, peer } = await new Bench().online({}, { properties: { responseInformation: "answers/for" } });
    client.request("q", "?").catch(() => undefined);
    expect((await peer.expect("subscribe")).subscriptions).toMatchObject([{ topicFilter: "answers/for/c1" }]);
  });
});

describe("correlation data", () => {
  test("is 129 random bits, so that a message cannot guess it", async () => {
    const { bench, client, peer } = await new Bench().online();
    const asked = Array.from({ length: 20 }, () => client.request("q", "?"));
    await bench.answer(peer, "subscribe", 1);
    const numbers: string[] = [];
    for (const _ of asked) numbers.push(text((await peer.expect("publish")).properties?.correlationData));
    expect(new Set(numbers).size).toBe(20);
    for (const number of numbers) expect(number).toMatch(/^[0-9a-z]{25}$/);
    for (let guess = 0; guess < 1_000; guess++) {
      const correlationData = new TextEncoder().encode(String(guess)); // each of 1 … 20 was a response before
      peer.send({ ...message("response/c1", ""), properties: { correlationData } });
    }
    const longer = new TextEncoder().encode(`${numbers[0]}x`);
    peer.send({ ...message("response/c1", ""), properties: { correlationData: longer } });
    const outcomes = await bench.passing(Promise.allSettled(asked));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toEqual([]);
  });

  test("differs for each client, on every platform with a cryptographic random generator", () => {
    const drawn = Array.from({ length: 1_000 }, () => random.next());
    expect(new Set(drawn).size).toBe(1_000);
    expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
    const mean = drawn.reduce((sum, number) => sum + number, 0) / 1_000;
    expect(mean).toBeGreaterThan(0.4);
    expect(mean).toBeLessThan(0.6);
    expect(random.next).not.toBe(Math.random);
  });
});

test.each(["$SYS/broker/connection/bridge", "$share/group/x"])(
  "a responder does not publish to %s, and the error names that topic",
  async (responseTopic) => {
    const { bench, client, peer } = await new Bench().online();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    let answered = 0;
    const responding = client.respond("q", () => String(++answered));
    await bench.answer(peer, "subscribe", 0, 0);
    await responding;
    peer.send({ ...message("q", ""), properties: { responseTopic } });
    await peer.expectNothing();
    expect(answered).toBe(0);
    expect(errors).toMatchObject([{ code: "TOPIC_NAME_REFUSED", message: expect.stringContaining(responseTopic) }]);
  },
);

describe("a responder", () => {
  test("has the options of a subscription: QoS, and the number of concurrent requests", async () => {
    const { bench, client, peer } = await new Bench().online();
    const answers: ((text: string) => void)[] = [];
    const handler = (): Promise<string> => new Promise((resolve) => answers.push(resolve));
    const responding = client.respond("q", handler, { qos: 1, concurrency: 2 });
    const { packetIdentifier, subscriptions } = await peer.expect("subscribe");
    expect(subscriptions.map(({ qos }) => qos)).toEqual([1, 1]);
    await bench.deliver(peer, { type: "suback", packetIdentifier, reasonCodes: [1, 1] });
    await responding;
    for (let i = 0; i < 3; i++) peer.send({ ...message("q", ""), properties: { responseTopic: "r" } });
    await peer.expectNothing();
    expect(answers).toHaveLength(2);
    answers[1]?.("b");
    expect(await peer.expect("publish")).toMatchObject({ topic: "r", payload: new TextEncoder().encode("b") });
    expect(answers).toHaveLength(3);
  });

  test("does not accept a QoS instead of its options", async () => {
    const { client } = await new Bench().online();
    await expect(client.respond("q", () => "", 1 as never)).rejects.toMatchObject({
      code: "OPTION_INVALID",
      message: "options 1: must be an object",
    });
    await expect(client.respond("q", () => "", { noLocal: true } as never)).rejects.toMatchObject({
      code: "OPTION_UNKNOWN",
    });
  });
});

describe("a request that gets no response", () => {
  async function asking() {
    const { bench, client, peer } = await new Bench().online();
    const controller = new AbortController();
    const answer = client.request("q", "?", { timeout: 700, signal: controller.signal });
    await bench.answer(peer, "subscribe", 1);
    await peer.expect("publish");
    return { bench, client, peer, controller, answer };
  }

  test("rejects at its timeout and names it", async () => {
    const { bench, answer } = await asking();
    await expect(bench.passing(answer)).rejects.toMatchObject({
      code: "REQUEST_TIMEOUT",
      message: expect.stringContaining("timeout 700 ms"),
    });
  });

  test("rejects when its signal aborts", async () => {
    const { controller, answer } = await asking();
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("is not answered by a stray message", async () => {
    const { bench, peer, answer } = await asking();
    peer.send({ ...message("response/c1", ""), properties: { correlationData: Uint8Array.of(99) } });
    await expect(bench.passing(answer)).rejects.toMatchObject({ code: "REQUEST_TIMEOUT" });
  });
});

test("a timeout of 0 is rejected", async () => {
  const { client } = await new Bench().online();
  await expect(client.request("q", "?", { timeout: 0 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
});

test("the same responder for the same filter exists once, also in a listener of connected", async () => {
  const bench = new Bench();
  const client = bench.create();
  let asked = 0;
  const handler = () => String(++asked);
  client.on("connected", () => client.respond("q", handler));
  let peer = await bench.connected(client);
  await bench.answer(peer, "subscribe", 1, 1);
  peer = await bench.reconnected(peer);
  await bench.answer(peer, "subscribe", 1, 1);
  await peer.expectNothing();
  const properties = { responseTopic: "r", correlationData: Uint8Array.of(1) };
  await bench.deliver(peer, { ...message("q", "?"), properties });
  expect(await peer.expect("publish")).toMatchObject({ topic: "r" });
  await peer.expectNothing();
  expect(asked).toBe(1);
});
