// Wrong calls that the compiler rejects, each with the error that JavaScript programs get. `npm run check` compiles
// this file.
import {
  connect,
  createClient,
  type SmallClient,
  type SmallHandledSubscription,
  type SmallOptions,
  type SmallSubscribeOptions,
  type SmallSubscription,
} from "@aiko/mqtt/small";
import { describe, expect, expectTypeOf, test } from "vitest";
import { SmallBench } from "./bench.ts";

const onMessage = () => undefined;
const port = 80 as number;

describe("the compiler rejects, and a JavaScript program gets a UsageError for:", () => {
  test.each([
    [
      "a URL of another scheme",
      // @ts-expect-error
      () => connect("http://server"),
    ],
    [
      "a URL of another scheme, with a port that is not known yet",
      // @ts-expect-error
      () => createClient(`https://server:${port}`),
    ],
    [
      "a misspelt scheme",
      // @ts-expect-error
      () => connect("unixx://host/run/broker.sock"),
    ],
    [
      "no server at all",
      // @ts-expect-error
      () => connect([]),
    ],
  ])("%s", async (_name, call) => {
    await expect((async () => call())()).rejects.toMatchObject({ name: "UsageError", code: "URL_INVALID" });
  });

  test("calls of a connected client", async () => {
    const { client } = await new SmallBench().online();
    const refused = (code: string) => ({ name: "UsageError", code });
    // @ts-expect-error
    await expect(client.subscribe([])).rejects.toMatchObject(refused("TOPIC_FILTER_INVALID"));
    // @ts-expect-error
    await expect(client.unsubscribe([])).rejects.toMatchObject(refused("TOPIC_FILTER_INVALID"));
    // @ts-expect-error
    await expect(client.subscribe("a", { concurrency: 4, onMessage })).rejects.toMatchObject(refused("OPTION_UNKNOWN"));
    const properties = { subscriptionIdentifiers: [1] };
    // @ts-expect-error
    await expect(client.publish("a", "", { properties })).rejects.toMatchObject(refused("PROPERTY_INVALID"));
  });

  test("a loop over a subscription with an onMessage handler", async () => {
    const bench = new SmallBench();
    const { client, peer } = await bench.online();
    const subscribing = client.subscribe("a", { onMessage });
    await bench.answer(peer, "subscribe", 0);
    const subscription = await bench.passing(subscribing);
    const loop = async (): Promise<void> => {
      // @ts-expect-error
      for await (const message of subscription) message.text();
    };
    await expect(loop()).rejects.toMatchObject({ name: "UsageError", code: "OPTION_INVALID" });
  });
});

// Compiled, but not run. The small client has no runtime check of the first one, to save bytes.
const compiled = [
  // @ts-expect-error
  () => connect("mqtt://a", { username: "ann", credentials: () => ({}) }),
  (url: string, urls: readonly string[], options: SmallOptions) => [connect(url, options), connect(urls)],
  () => [connect("WSS://server/mqtt"), connect(["mqtt://a", `ws://b:${port}`], { username: undefined })],
  (client: SmallClient, options: SmallSubscribeOptions) => {
    expectTypeOf(client.subscribe("a", { qos: 1, onMessage: undefined })).resolves.toEqualTypeOf<SmallSubscription>();
    expectTypeOf(client.subscribe("a", options)).resolves.toEqualTypeOf<SmallSubscription>();
    expectTypeOf(
      client.subscribe("a", { onMessage: (message) => message.topic }),
    ).resolves.toEqualTypeOf<SmallHandledSubscription>();
  },
];

test("the compiler accepts what it accepted before", () => {
  expect(compiled.every((call) => typeof call === "function")).toBe(true);
});
