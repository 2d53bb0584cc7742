// Wrong calls that the compiler rejects, each with the error that JavaScript programs get, and right calls that it must
// accept. `npm run check` compiles this file: a wrong call that compiles is an error, because its @ts-expect-error is
// unused.
import {
  type Client,
  type ConnectOptions,
  connect,
  createClient,
  type HandledSubscription,
  type HandlerOptions,
  type IteratorOptions,
  type MessageHandler,
  type PublishProperties,
  platform,
  type Servers,
  type SubscribeOptions,
  type Subscription,
  type TlsOptions,
  type Url,
  type UsageErrorCode,
} from "@aiko/mqtt";
import { describe, expect, expectTypeOf, test } from "vitest";
import { Bench } from "./bench.ts";

const PEM = "-----BEGIN CERTIFICATE-----";
const credentials = (server: string) => ({ username: server });
const onMessage = () => undefined;
const psk = { identity: "meter", key: new Uint8Array(16) };
const port = 1883 as number;

type WrongCall = readonly [name: string, code: UsageErrorCode, call: (client: Client) => unknown];

const wrongConnects: readonly WrongCall[] = [
  [
    "a URL of another scheme",
    "URL_INVALID",
    // @ts-expect-error
    () => connect("http://server"),
  ],
  [
    "a URL of another scheme, with a port that is not known yet",
    "URL_INVALID",
    // @ts-expect-error
    () => connect(`http://server:${port}`),
  ],
  [
    "a host without a scheme",
    "URL_INVALID",
    // @ts-expect-error
    () => connect("localhost:1883"),
  ],
  [
    "a URL of another scheme among others",
    "URL_INVALID",
    // @ts-expect-error
    () => createClient(["mqtt://a", "https://b"]),
  ],
  [
    "no server at all",
    "URL_INVALID",
    // @ts-expect-error
    () => connect([]),
  ],
  [
    "username and credentials",
    "OPTION_INVALID",
    // @ts-expect-error
    () => connect("mqtt://server", { username: "ann", credentials }),
  ],
  [
    "password and credentials",
    "OPTION_INVALID",
    // @ts-expect-error
    () => createClient("mqtt://server", { password: "secret", protocolVersion: 5, credentials }),
  ],
  [
    "a key without its certificate",
    "OPTION_INVALID",
    // @ts-expect-error
    () => connect("mqtts://server", { tls: { key: PEM } }),
  ],
  [
    "a certificate without its key",
    "OPTION_INVALID",
    // @ts-expect-error
    () => connect("mqtts://server", { tls: { certificate: PEM } }),
  ],
  [
    "a shared key and a certificate",
    "OPTION_INVALID",
    // @ts-expect-error
    () => connect("mqtts://server", { tls: { psk, certificate: PEM, key: PEM } }),
  ],
  [
    "an option that is misspelt",
    "OPTION_UNKNOWN",
    // @ts-expect-error
    () => connect("mqtt://server", { clientID: "c" }),
  ],
];

const wrongCalls: readonly WrongCall[] = [
  [
    "concurrency without onMessage",
    "OPTION_INVALID",
    // @ts-expect-error
    (client) => client.subscribe("a", { concurrency: 4 }),
  ],
  [
    "no topic filter to subscribe to",
    "TOPIC_FILTER_INVALID",
    // @ts-expect-error
    (client) => client.subscribe([]),
  ],
  [
    "no topic filter to unsubscribe from",
    "TOPIC_FILTER_INVALID",
    // @ts-expect-error
    (client) => client.unsubscribe([]),
  ],
  [
    "a subscription identifier of the server's in publish",
    "PROPERTY_INVALID",
    // @ts-expect-error
    (client) => client.publish("a", "", { properties: { subscriptionIdentifiers: [1] } }),
  ],
  [
    "a topic alias in publish",
    "PROPERTY_INVALID",
    // @ts-expect-error
    (client) => client.publish("a", "", { properties: { topicAlias: 1 } }),
  ],
  [
    "a topic alias in request",
    "PROPERTY_INVALID",
    // @ts-expect-error
    (client) => client.request("a", "", { properties: { topicAlias: 1 } }),
  ],
  [
    "a reason string of the server's in subscribe",
    "PROPERTY_INVALID",
    // @ts-expect-error
    (client) => client.subscribe("a", { properties: { reasonString: "because" } }),
  ],
  [
    "a server reference in disconnect",
    "PROPERTY_INVALID",
    // @ts-expect-error
    (client) => client.disconnect({ properties: { serverReference: "other" } }),
  ],
  [
    "onMessage in respond",
    "OPTION_UNKNOWN",
    // @ts-expect-error
    (client) => client.respond("a", () => "", { onMessage }),
  ],
  [
    "noLocal in respond",
    "OPTION_UNKNOWN",
    // @ts-expect-error
    (client) => client.respond("a", () => "", { noLocal: true }),
  ],
];

describe("the compiler rejects, and a JavaScript program gets a UsageError for:", () => {
  test.each(wrongConnects)("%s", async (_name, code, call) => {
    await expect((async () => call(createClient("mqtt://server")))()).rejects.toMatchObject({
      name: "UsageError",
      code,
    });
  });

  test.each(wrongCalls)("%s", async (_name, code, call) => {
    const { client, peer } = await new Bench().online();
    await expect(call(client)).rejects.toMatchObject({ name: "UsageError", code });
    await peer.expectNothing();
  });

  test("a loop over a subscription with an onMessage handler", async () => {
    const bench = new Bench();
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

// Compiled, but not run.
const rightCalls = {
  urls: (text: string, texts: string[], list: readonly Url[], any: Servers, host: string, scheme: "ws" | "wss") => [
    connect(text),
    connect(texts),
    connect([text, "mqtt://b"]),
    connect(list),
    connect(any),
    connect(new URL("mqtt://server")),
    connect([new URL("mqtt://server"), "wss://b/mqtt"]),
    connect(["mqtt://a", "mqtts://b:8883"] as const),
    connect(() => text),
    connect(async () => texts),
    connect(`mqtt://${host}:${port}`),
    connect(`${scheme}://${host}`),
    connect(`${host}:${port}`),
    connect("MQTT://server"),
    connect("tcp://server"),
    connect("unix:/run/broker.sock"),
    createClient(text === "" ? "mqtt://a" : "ssl://b"),
  ],
  options: (given: ConnectOptions, tls: TlsOptions, name: string | undefined, extended: Extended) => [
    connect("mqtt://a", given),
    connect("mqtt://a", { ...given, clientId: "c" }),
    connect("mqtt://a", extended),
    connect("mqtt://a", { username: name, password: name, credentials: undefined }),
    connect("mqtt://a", { username: undefined, password: undefined, credentials }),
    connect("mqtt://a", { credentials: async (server) => ({ username: server.toUpperCase() }) }),
    connect("mqtt://a", { credentials: name === undefined ? credentials : undefined }),
    connect("mqtts://a", { tls }),
    connect("mqtts://a", { tls: { ca: name, serverName: name } }),
    connect("mqtts://a", { tls: { certificate: PEM, key: PEM, passphrase: name, psk: undefined } }),
    connect("mqtts://a", { tls: { psk, certificate: undefined, key: undefined } }),
    connect("mqtts://a", { tls: async () => ({ certificate: PEM, key: PEM }) }),
  ],
  subscribing: (client: Client, options: SubscribeOptions, filters: string[], handler: MessageHandler) => {
    expectTypeOf(client.subscribe("a")).resolves.toEqualTypeOf<Subscription>();
    expectTypeOf(client.subscribe(filters, undefined)).resolves.toEqualTypeOf<Subscription>();
    expectTypeOf(client.subscribe(["a", "b"] as const, { qos: 1 })).resolves.toEqualTypeOf<Subscription>();
    expectTypeOf(
      client.subscribe("a", { onMessage: undefined, concurrency: undefined }),
    ).resolves.toEqualTypeOf<Subscription>();
    expectTypeOf(client.subscribe("a", options)).resolves.toEqualTypeOf<Subscription>();
    expectTypeOf(client.subscribe("a", { onMessage: handler })).resolves.toEqualTypeOf<HandledSubscription>();
    expectTypeOf(
      client.subscribe("a", { concurrency: 4, onMessage: async (message, { signal }) => [message.topic, signal] }),
    ).resolves.toEqualTypeOf<HandledSubscription>();
    expectTypeOf(client.respond("a", () => "", { concurrency: 4 })).resolves.toEqualTypeOf<HandledSubscription>();
    expectTypeOf<Subscription>().toExtend<HandledSubscription>();
    expectTypeOf<HandlerOptions | IteratorOptions>().toEqualTypeOf<SubscribeOptions>();
  },
  publishing: (client: Client) => [
    client.publish("a", "", { properties: { topicAlias: undefined, subscriptionIdentifiers: undefined } }),
    client.publish("a", "", { properties: { contentType: "text/plain", userProperties: [["a", "b"]] } }),
  ],
  /** A part of a client, as a program declares what it needs. */
  narrowed: (client: Client): Narrow => client,
};

interface Extended extends ConnectOptions {
  readonly prefix?: string;
}

interface Narrow {
  subscribe(filter: string, options: { onMessage: () => void }): Promise<unknown>;
  unsubscribe(filters: string[]): Promise<void>;
  publish(topic: string, payload: string): Promise<unknown>;
}

test("the compiler accepts what it accepted before", () => {
  expect(Object.values(rightCalls).every((call) => typeof call === "function")).toBe(true);
  expect(platform).toBeDefined();
});

test("properties of a received message cannot be published again, since some are set by the server", async () => {
  const { client } = await new Bench().online();
  const properties: PublishProperties = { contentType: "text/plain", subscriptionIdentifiers: [7] };
  // @ts-expect-error
  await expect(client.publish("a", "", { properties })).rejects.toMatchObject({ code: "PROPERTY_INVALID" });
  const { subscriptionIdentifiers, topicAlias, ...own } = properties;
  expectTypeOf(client.publish).toBeCallableWith("a", "", { properties: own });
  expect([subscriptionIdentifiers, topicAlias]).toEqual([[7], undefined]);
});
