import { type Client, connect, createClient } from "@aiko/mqtt";
import { FakeClock, FaultyLink } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

describe("between clients of all versions", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await Broker.listen({ port: 0 });
  });
  afterAll(() => broker.close());

  test.each([
    [5, 5],
    [4, 5],
    [3, 4],
  ] as const)("a request of version %i is answered by version %i", async (asking, answering) => {
    const topic = `lamp/${asking}/${answering}`;
    await using responder = await connect(broker.url, { protocolVersion: answering });
    await using requester = await connect(broker.url, { protocolVersion: asking, clientId: "a/+#b" });
    await responder.respond(topic, async (message) => `you said ${message.text()}`);
    const answers = await Promise.all(["one", "two"].map((question) => requester.request(topic, question)));
    expect(answers.map((answer) => answer.text())).toEqual(["you said one", "you said two"]);
  });
});

const versions = [3, 4, 5] as const;
/** Before MQTT 5 a responder does not see the Response Topic of a request on MQTT 5. */
const pairs = versions.flatMap((asking) =>
  versions.filter((answering) => asking !== 5 || answering === 5).map((answering) => [asking, answering] as const),
);

/** A clock, and a function that connects clients to a broker on it. */
async function started() {
  const clock = new FakeClock();
  const broker = await Broker.listen({ listeners: [], clock });
  const online = async (protocolVersion: 3 | 4 | 5): Promise<Client> => {
    const { platform } = new FaultyLink(clock, broker);
    const client = createClient("mqtt://broker", { platform, protocolVersion });
    await clock.until(client.connect());
    return client;
  };
  return { clock, online };
}

describe.each(pairs)("version %i sends a request to version %i, on a fake clock", (asking, answering) => {
  async function both() {
    const { clock, online } = await started();
    return { clock, requester: await online(asking), responder: await online(answering) };
  }

  test("an error that the handler returns arrives with its text", async () => {
    const { clock, requester, responder } = await both();
    await clock.until(responder.respond("lamp/+", () => ({ error: "no such lamp" })));
    const before = clock.now();
    await expect(clock.until(requester.request("lamp/7", "?"))).rejects.toMatchObject({
      code: "REQUEST_FAILED",
      reasonString: "no such lamp",
    });
    expect(clock.now()).toBe(before);
  });

  test("a handler that throws causes an error at once, without its text", async () => {
    const { clock, requester, responder } = await both();
    const errors: unknown[] = [];
    responder.on("error", (error) => errors.push(error));
    await clock.until(responder.respond("lamp/#", () => Promise.reject(new Error("password 1234"))));
    await expect(clock.until(requester.request("lamp/7", "?"))).rejects.toMatchObject({
      code: "REQUEST_FAILED",
      message: 'request "lamp/7": the responder answered with an error, "the responder failed"',
    });
    expect(errors).toMatchObject([{ message: "password 1234" }]);
  });

  test("the response after an error belongs to the next request", async () => {
    const { clock, requester, responder } = await both();
    let calls = 0;
    await clock.until(responder.respond("lamp/7", () => (++calls === 1 ? { error: "not yet" } : { payload: "on" })));
    await expect(clock.until(requester.request("lamp/7", "?"))).rejects.toMatchObject({ code: "REQUEST_FAILED" });
    expect((await clock.until(requester.request("lamp/7", "?"))).text()).toBe("on");
  });
});

test.each(versions)(
  "version %i without a responder: MQTT 5 reports it at once, others at the timeout",
  async (version) => {
    const { clock, online } = await started();
    const requester = await online(version);
    const before = clock.now();
    const code = version === 5 ? "NO_RESPONDER" : "REQUEST_TIMEOUT";
    await expect(clock.until(requester.request("lamp/7", "?"))).rejects.toMatchObject({ code });
    expect(clock.now() - before).toBe(version === 5 ? 0 : 10_000);
  },
);

test.each([1, 2] as const)("without a responder, a request of QoS %i is NO_RESPONDER", async (qos) => {
  const { clock, online } = await started();
  const requester = await online(5);
  await expect(clock.until(requester.request("lamp/7", "?", { qos }))).rejects.toMatchObject({
    code: "NO_RESPONDER",
    reasonCode: 0x10,
  });
});
