import { describe, expect, test } from "vitest";
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
