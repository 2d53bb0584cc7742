import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

describe("between clients of any versions", () => {
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
