import { describe, expect, test } from "vitest";
import { random } from "../../src/transport/random.ts";
import { Bench } from "./bench.ts";

const text = (data: Uint8Array | undefined) => String.fromCharCode(...(data ?? []));

describe("on MQTT 5", () => {
  test("carries Response Topic and Correlation Data, the same inbox for all", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const asked = [client.request("q", "1"), client.request("q", "2")];
    const subscribe = await peer.expect("subscribe");
    expect(subscribe.subscriptions).toMatchObject([{ topicFilter: "response/c1" }]);
    peer.send({ type: "suback", packetIdentifier: subscribe.packetIdentifier, reasonCodes: [1] });
    for (const answer of ["A", "B"]) {
      const { properties } = await peer.expect("publish");
      expect(properties?.responseTopic).toBe("response/c1");
      peer.send({
        type: "publish",
        topic: "response/c1",
        payload: Uint8Array.of(answer.charCodeAt(0)),
        qos: 0,
        retain: false,
        dup: false,
        packetIdentifier: 0,
        properties: { correlationData: properties?.correlationData ?? new Uint8Array(0) },
      });
    }
    const answers = await bench.passing(Promise.all(asked));
    expect(answers.map((answer) => text(answer.payload))).toEqual(["A", "B"]);
  });

  test("uses the server's response information", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({}, { properties: { responseInformation: "answers/for" } });
    client.request("q", "?").catch(() => undefined);
    expect((await peer.expect("subscribe")).subscriptions).toMatchObject([{ topicFilter: "answers/for/c1" }]);
  });
});

describe("correlation data", () => {
  test("is drawn at random, 129 bits of it: no message that guesses is a response", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const asked = Array.from({ length: 20 }, () => client.request("q", "?"));
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [1] });
    const numbers: string[] = [];
    for (const _ of asked) numbers.push(text((await peer.expect("publish")).properties?.correlationData));
    expect(new Set(numbers).size).toBe(20);
    for (const number of numbers) expect(number).toMatch(/^[0-9a-z]{25}$/);
    const forged = { topic: "response/c1", payload: new Uint8Array(0), qos: 0, retain: false, dup: false } as const;
    for (let guess = 0; guess < 1_000; guess++) {
      const correlationData = new TextEncoder().encode(String(guess)); // each of 1 … 20 was a response before
      peer.send({ type: "publish", packetIdentifier: 0, ...forged, properties: { correlationData } });
    }
    const longer = new TextEncoder().encode(`${numbers[0]}x`);
    peer.send({ type: "publish", packetIdentifier: 0, ...forged, properties: { correlationData: longer } });
    const outcomes = await bench.passing(Promise.allSettled(asked));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toEqual([]);
  });

  test("is another for each client, on every platform with a generator for secrets", () => {
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
  "a responder does not publish to %s, and reports who asked it to",
  async (responseTopic) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    let answered = 0;
    const responding = client.respond("q", () => String(++answered));
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [0, 0] });
    await bench.clock.tick();
    await responding;
    const request = { topic: "q", payload: new Uint8Array(0), qos: 0, retain: false, dup: false } as const;
    peer.send({ type: "publish", packetIdentifier: 0, ...request, properties: { responseTopic } });
    await peer.expectNothing();
    expect(answered).toBe(0);
    expect(errors).toMatchObject([{ code: "TOPIC_NAME_REFUSED", message: expect.stringContaining(responseTopic) }]);
  },
);

describe("a responder", () => {
  test("takes options as a subscription does: QoS, and how many requests are answered at a time", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const answers: ((text: string) => void)[] = [];
    const handler = (): Promise<string> => new Promise((resolve) => answers.push(resolve));
    const responding = client.respond("q", handler, { qos: 1, concurrency: 2 });
    const { packetIdentifier, subscriptions } = await peer.expect("subscribe");
    expect(subscriptions.map(({ qos }) => qos)).toEqual([1, 1]);
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [1, 1] });
    await bench.clock.tick();
    await responding;
    const request = { topic: "q", payload: new Uint8Array(0), qos: 0, retain: false, dup: false } as const;
    for (let i = 0; i < 3; i++)
      peer.send({ type: "publish", packetIdentifier: 0, ...request, properties: { responseTopic: "r" } });
    await peer.expectNothing();
    expect(answers).toHaveLength(2);
    answers[1]?.("b");
    expect(await peer.expect("publish")).toMatchObject({ topic: "r", payload: new TextEncoder().encode("b") });
    expect(answers).toHaveLength(3);
  });

  test("takes no QoS in the place of its options", async () => {
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
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const controller = new AbortController();
    const answer = client.request("q", "?", { timeout: 700, signal: controller.signal });
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [1] });
    await peer.expect("publish");
    return { bench, client, peer, controller, answer };
  }

  test("rejects at its timeout, naming it", async () => {
    const { bench, answer } = await asking();
    await expect(bench.passing(answer)).rejects.toMatchObject({
      code: "REQUEST_TIMEOUT",
      message: expect.stringContaining("timeout 700 ms"),
    });
  });

  test("rejects when its signal fires", async () => {
    const { controller, answer } = await asking();
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("is not answered by a stray message", async () => {
    const { bench, peer, answer } = await asking();
    const stray = { topic: "response/c1", payload: new Uint8Array(0), qos: 0, retain: false, dup: false } as const;
    peer.send({ type: "publish", packetIdentifier: 0, ...stray, properties: { correlationData: Uint8Array.of(99) } });
    await expect(bench.passing(answer)).rejects.toMatchObject({ code: "REQUEST_TIMEOUT" });
  });
});

test("a timeout of 0 is refused", async () => {
  const { client } = await new Bench().online();
  await expect(client.request("q", "?", { timeout: 0 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
});
