// What a requester gets if there is no responder or the responder fails, and what a responder may return: packet by
// packet, on MQTT 5.
import type { RequestAnswer, RequestHandler, RespondOptions } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, message, watch } from "./bench.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const correlationData = Uint8Array.of(1, 2, 3);
const request = { ...message("q", "?"), properties: { responseTopic: "r", correlationData } };

/** A client that has sent a request, its server, and the request as it arrived there. */
async function asking(options = {}) {
  const { bench, client, peer } = await new Bench().online();
  const outcome = watch(client.request("q", "?", options));
  await bench.answer(peer, "subscribe", 1);
  const published = await peer.expect("publish");
  const respond = (text: string, properties = {}) =>
    bench.deliver(peer, {
      ...message("response/c1", text),
      properties: { correlationData: published.properties?.correlationData, ...properties },
    });
  return { bench, client, peer, outcome, published, respond };
}

/** A client that answers requests with this handler. */
async function responding(handler: RequestHandler, options: RespondOptions = {}) {
  const { bench, client, peer } = await new Bench().online();
  const errors: unknown[] = [];
  client.on("error", (error) => errors.push(error));
  const answering = client.respond("q", handler, options);
  await bench.answer(peer, "subscribe", 0, 0);
  const subscription = await answering;
  return { bench, client, peer, errors, subscription };
}

describe("a request", () => {
  test("is sent at QoS 1, or at the given QoS", async () => {
    expect((await asking()).published.qos).toBe(1);
    expect((await asking({ qos: 0 })).published.qos).toBe(0);
    expect((await asking({ qos: 2 })).published.qos).toBe(2);
  });

  test("is sent at QoS 0 if the server supports no other", async () => {
    const { bench, client, peer } = await new Bench().online({}, { properties: { maximumQoS: 0 } });
    client.request("q", "?").catch(() => undefined);
    await bench.answer(peer, "subscribe", 0);
    expect((await peer.expect("publish")).qos).toBe(0);
  });

  test.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)("of QoS %i rejects at once if the server's %s reports no matching subscribers", async (qos, type) => {
    const { bench, peer, outcome, published } = await asking({ qos });
    const { packetIdentifier } = published;
    await bench.deliver(peer, { type, packetIdentifier, reasonCode: 0x10 });
    if (qos === 2) {
      await peer.expect("pubrel");
      await bench.deliver(peer, { type: "pubcomp", packetIdentifier, reasonCode: 0 });
    }
    expect(outcome.error).toMatchObject({
      name: "RefusedError",
      code: "NO_RESPONDER",
      reasonCode: 0x10,
      topic: "q",
      message: 'request "q": no client subscribes to this topic; start the responder, or check the topic',
    });
  });

  test("continues to wait if the server has a subscriber", async () => {
    const { bench, peer, outcome, published, respond } = await asking();
    await bench.deliver(peer, { type: "puback", packetIdentifier: published.packetIdentifier, reasonCode: 0 });
    expect(outcome.settled).toBe(0);
    await respond("!");
    expect((outcome.value as { text(): string }).text()).toBe("!");
  });

  test("rejects with the responder's error text and its user properties", async () => {
    const { outcome, respond } = await asking();
    await respond("", {
      userProperties: [
        ["lamp", "7"],
        ["response-error", "no such\u0007lamp"],
      ],
    });
    expect(outcome.error).toMatchObject({
      name: "RefusedError",
      code: "REQUEST_FAILED",
      reasonCode: 0x80,
      topic: "q",
      reasonString: "no such\\u0007lamp",
      userProperties: [["lamp", "7"]],
      message: 'request "q": the responder answered with an error, "no such\\u0007lamp"',
    });
  });

  test("shows the beginning of a long error", async () => {
    const { outcome, respond } = await asking();
    await respond("", { userProperties: [["response-error", "x".repeat(60_000)]] });
    expect((outcome.error as { reasonString: string }).reasonString).toBe(`${"x".repeat(1_000)}…`);
  });

  test("resolves with the first of several responses", async () => {
    const { client, outcome, respond } = await asking();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    await respond("first");
    await respond("second");
    await respond("", { userProperties: [["response-error", "third"]] });
    expect((outcome.value as { text(): string }).text()).toBe("first");
    expect(errors).toEqual([]);
  });

  test("ends at its timeout: a later response has no effect", async () => {
    const { bench, outcome, respond } = await asking({ timeout: 500 });
    await bench.clock.advance(500);
    expect(outcome.error).toMatchObject({ code: "REQUEST_TIMEOUT", topic: "q" });
    await respond("late");
    expect(outcome.settled).toBe(1);
  });

  test("that timed out offline is not sent later", async () => {
    const { bench, client, peer } = await asking();
    peer.cut();
    await bench.clock.tick();
    const outcome = watch(client.request("q", "stale", { timeout: 50 }));
    await bench.clock.advance(50);
    expect(outcome.error).toMatchObject({ code: "REQUEST_TIMEOUT" });
    const again = await bench.acceptAgain({ sessionPresent: true });
    await bench.clock.advance(1_000);
    const payloads = again.received.flatMap((packet) => (packet.type === "publish" ? [packet.payload] : []));
    expect(payloads).toEqual([bytes("?")]); // the first request, which still waits
  });

  test.each([undefined, null, 7, {}])("with the payload %j is rejected", async (payload) => {
    const { client, peer } = await new Bench().online();
    await expect(client.request("q", payload as never)).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    await peer.expectNothing();
  });

  test.each(["", "a/#", "a/+"])("for the topic %j is rejected", async (topic) => {
    const { client, peer } = await new Bench().online();
    await expect(client.request(topic, "?")).rejects.toMatchObject({ code: "TOPIC_NAME_INVALID" });
    await peer.expectNothing();
  });
});

describe("a handler", () => {
  test("can return a payload with properties and its own QoS", async () => {
    const properties = { contentType: "text/css", messageExpiryInterval: 5 };
    const { bench, peer } = await responding(async () => ({ payload: "red", qos: 1, properties }));
    await bench.deliver(peer, request);
    expect(await peer.expect("publish")).toMatchObject({
      topic: "r",
      payload: bytes("red"),
      qos: 1,
      properties: { ...properties, correlationData },
    });
  });

  test("can return an error, which the requester gets and which is not an event", async () => {
    const properties = { userProperties: [["lamp", "7"] as const] };
    const { bench, peer, errors } = await responding(() => ({ error: "no such lamp", properties }));
    await bench.deliver(peer, request);
    const { payload, properties: sent } = await peer.expect("publish");
    expect(payload).toEqual(bytes("no such lamp"));
    expect(sent).toEqual({
      correlationData,
      userProperties: [
        ["lamp", "7"],
        ["response-error", "no such lamp"],
      ],
    });
    expect(errors).toEqual([]);
  });

  test.each<[string, RequestHandler]>([
    [
      "throws",
      () => {
        throw new Error("password 1234");
      },
    ],
    ["rejects", () => Promise.reject(new Error("password 1234"))],
  ])("that %s: the requester gets an error without its details, which are in an event", async (_, handler) => {
    const { bench, peer, errors } = await responding(handler);
    await bench.deliver(peer, request);
    const { payload, properties } = await peer.expect("publish");
    expect(payload).toEqual(bytes("the responder failed"));
    expect(properties).toEqual({ correlationData, userProperties: [["response-error", "the responder failed"]] });
    expect(errors).toMatchObject([{ message: "password 1234" }]);
    await peer.expectNothing();
  });

  test.each<[unknown, string, string]>([
    [undefined, "PAYLOAD_INVALID", 'respond "q": the handler returned undefined; return a string, a Uint8Array, '],
    [null, "PAYLOAD_INVALID", "the handler returned null"],
    [21.5, "PAYLOAD_INVALID", "the handler returned 21.5"],
    [[1], "PAYLOAD_INVALID", "the handler returned […]"],
    [{ on: true }, "PAYLOAD_INVALID", "the handler returned {…}"],
    ["\ud800", "PAYLOAD_INVALID", "response: must be well-formed"],
    [{ payload: 21.5 }, "PAYLOAD_INVALID", "response.payload"],
    [{ payload: "x", QoS: 1 }, "OPTION_UNKNOWN", 'unknown option "response.QoS"'],
    [{ payload: "x", qos: 3 }, "OPTION_INVALID", "response.qos 3"],
    [{ payload: "x", error: "y" }, "OPTION_INVALID", "response.error: cannot be combined with payload"],
    [{ payload: "x", properties: 1 }, "OPTION_INVALID", "response.properties 1: must be an object"],
    [{ payload: "x", properties: { contentType: 5 } }, "STRING_INVALID", "contentType"],
    [{ error: 5 }, "OPTION_INVALID", "response.error 5: must be a string"],
    [{ error: "x\0" }, "STRING_INVALID", "must not contain U+0000"],
  ])("that returns %j: an event explains the mistake, and the requester gets an error", async (value, code, text) => {
    const { bench, peer, errors } = await responding(() => value as RequestAnswer);
    await bench.deliver(peer, request);
    expect((await peer.expect("publish")).properties?.userProperties).toEqual([
      ["response-error", "the responder failed"],
    ]);
    expect(errors).toMatchObject([{ name: "UsageError", code, message: expect.stringContaining(text) }]);
    await peer.expectNothing();
  });

  test("that does not return: the requester gets an error at handlerTimeout, and no second answer", async () => {
    let finish: (answer: string) => void = () => undefined;
    let reason: unknown;
    const handler: RequestHandler = (_, { signal }) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return new Promise<string>((resolve) => {
        finish = resolve;
      });
    };
    const { bench, peer, errors } = await responding(handler, { handlerTimeout: 2_000 });
    await bench.deliver(peer, request);
    await bench.clock.advance(1_000);
    await peer.expectNothing();
    await bench.clock.advance(2_000); // it is checked from time to time
    expect((await peer.expect("publish")).properties?.userProperties).toEqual([
      ["response-error", "the responder did not answer in time"],
    ]);
    expect(errors).toMatchObject([{ code: "HANDLER_TIMEOUT" }]);
    expect(reason).toMatchObject({ code: "HANDLER_TIMEOUT" });
    finish("late");
    await peer.expectNothing();
  });

  test("answers with correlation data of 65,535 bytes, and without any", async () => {
    const { bench, peer } = await responding(() => "!");
    const longest = new Uint8Array(65_535).fill(7);
    await bench.deliver(peer, { ...request, properties: { responseTopic: "r", correlationData: longest } });
    expect((await peer.expect("publish")).properties).toEqual({ correlationData: longest });
    await bench.deliver(peer, { ...request, properties: { responseTopic: "r" } });
    expect((await peer.expect("publish")).properties).toBeUndefined();
  });

  test("whose response is longer than the server allows: the requester gets an error", async () => {
    const { bench, client, peer } = await new Bench().online({}, { properties: { maximumPacketSize: 200 } });
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    void client.respond("q", () => "x".repeat(500));
    await bench.answer(peer, "subscribe", 0, 0);
    await bench.deliver(peer, request);
    expect(await peer.expect("publish")).toMatchObject({ payload: bytes("the responder failed") });
    expect(errors).toMatchObject([{ code: "MAXIMUM_PACKET_SIZE_EXCEEDED" }]);
  });

  test("is not called for a message that is not a request", async () => {
    let calls = 0;
    const { bench, peer, errors } = await responding(() => String(++calls));
    await bench.deliver(peer, message("q", "no request"));
    await peer.expectNothing();
    expect([calls, errors]).toEqual([0, []]);
  });

  test("is no longer called once the subscription ends", async () => {
    const { bench, peer, subscription } = await responding(() => "!");
    const ending = subscription.unsubscribe();
    await bench.answer(peer, "unsubscribe", 0, 0);
    await bench.passing(ending);
    await bench.deliver(peer, request);
    await peer.expectNothing();
  });
});
