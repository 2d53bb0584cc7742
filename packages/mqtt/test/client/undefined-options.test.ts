// An undefined option counts as not set: `{ properties: { contentType: maybe } }` must not change what is sent. The
// tables list every option, otherwise they do not compile.
import {
  type AuthenticationOptions,
  type ConnectOptions,
  createClient,
  type DisconnectOptions,
  MemoryStore,
  type NetworkOptions,
  type OutboxOptions,
  type PublishOptions,
  platform,
  type RequestOptions,
  type SubscribeOptions,
  type WillOptions,
} from "@aiko/mqtt";
import { encode, PacketStream } from "@aiko/mqtt/codec";
import { FakeClock, memoryPair } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { recordsOf } from "../../../../test/fixtures/stores.ts";
import { Bench } from "./bench.ts";

type AllOf<Options, Needed extends keyof Options = never> = Record<Exclude<keyof Options, Needed>, undefined>;
type Words<Text> = Text extends `${infer First} ${infer Rest}` ? First | Words<Rest> : Text;

/** All options of such an object as undefined, except the required ones. */
function undefinedOf<Options, Needed extends keyof Options = never>() {
  type Names = Exclude<keyof Options, Needed>;
  return <Text extends string>(
    names: [Names, Words<Text>] extends [Words<Text>, Names] ? Text : never,
  ): AllOf<Options, Needed> =>
    Object.fromEntries(names.split(" ").map((name) => [name, undefined])) as AllOf<Options, Needed>;
}
type PropertiesOf<Options extends { properties?: object | undefined }> = NonNullable<Options["properties"]>;

const _ = undefined;
const willProperties = undefinedOf<PropertiesOf<WillOptions>>()(
  "payloadFormatIndicator messageExpiryInterval contentType userProperties willDelayInterval responseTopic correlationData",
);
const requestProperties = undefinedOf<PropertiesOf<RequestOptions>>()(
  "payloadFormatIndicator messageExpiryInterval contentType userProperties topicAlias subscriptionIdentifiers",
);
const publishProperties: AllOf<PropertiesOf<PublishOptions>> = {
  ...requestProperties,
  responseTopic: _,
  correlationData: _,
};
const subscribeProperties = undefinedOf<PropertiesOf<SubscribeOptions>>()("subscriptionIdentifier userProperties");
const disconnectProperties = undefinedOf<PropertiesOf<DisconnectOptions>>()(
  "sessionExpiryInterval reasonString serverReference userProperties",
);
const connectProperties = undefinedOf<PropertiesOf<ConnectOptions>>()(
  "sessionExpiryInterval receiveMaximum maximumPacketSize topicAliasMaximum requestResponseInformation requestProblemInformation authenticationMethod authenticationData userProperties",
);
const tls = undefinedOf<NonNullable<NetworkOptions["tls"]>>()(
  "ca certificate key passphrase serverName alpn psk minimumVersion verifyServer",
);
const webSocket = undefinedOf<NonNullable<NetworkOptions["webSocket"]>>()("headers subprotocol implementation");
const outbox = undefinedOf<OutboxOptions>()("maximumCount maximumBytes maximumAge policy qos0 sessionLost");
const will = undefinedOf<WillOptions, "topic">()("payload qos retain properties");
const authentication = undefinedOf<AuthenticationOptions, "method" | "respond">()("begin finish");
const connectOptions = undefinedOf<ConnectOptions>()(
  "serverReference subscriptionIdentifiers clientId protocolVersion cleanStart keepAlive username password credentials will connectTimeout reconnect store outbox maximumInflight acknowledgeTimeout inbox tls webSocket proxy localAddress dial properties authentication signal retry platform",
);
const publishOptions = undefinedOf<PublishOptions>()("qos retain properties signal");
const subscribeOptions = undefinedOf<SubscribeOptions>()(
  "qos onMessage concurrency handlerTimeout noLocal retainAsPublished retainHandling properties signal",
);
const requestOptions = undefinedOf<RequestOptions>()("timeout signal qos properties");
const disconnectOptions = undefinedOf<DisconnectOptions>()("reasonCode properties drainTimeout");

interface Choices {
  readonly connect?: ConnectOptions;
  readonly subscribe?: SubscribeOptions;
  readonly publish?: PublishOptions;
  readonly request?: RequestOptions;
  readonly disconnect?: DisconnectOptions;
}

/** All bytes that a client with these options sends, in hexadecimal. */
async function sent(version: 3 | 4 | 5, choices: Choices): Promise<string> {
  const bench = new Bench();
  const given = { ...choices.connect, clientId: "c1", protocolVersion: version, platform: bench.platform };
  const client = createClient("mqtt://server", given);
  const connecting = client.connect();
  const peer = await bench.accept();
  await bench.passing(connecting);
  const grant = () => bench.answer(peer, "subscribe", 0);
  const subscribing = client.subscribe("a", choices.subscribe);
  await grant();
  await bench.passing(subscribing);
  await bench.passing(client.publish("a", "hello", choices.publish));
  await peer.expect("publish");
  const asking = client.request("q", "?", choices.request);
  asking.catch(() => undefined);
  await grant();
  await peer.expect("publish");
  await bench.passing(client.disconnect(choices.disconnect));
  await peer.expect("disconnect");
  return Buffer.from(peer.bytes).toString("hex");
}

const empty: ConnectOptions = {
  reconnect: {},
  outbox: {},
  inbox: {},
  webSocket: {},
  properties: {},
  will: { topic: "w" },
};
const emptyOfUndefined: ConnectOptions = {
  reconnect: { initialDelay: _, maximumDelay: _, maximumAttempts: _ },
  outbox,
  inbox: { maximumCount: _, maximumBytes: _ },
  webSocket,
  properties: connectProperties,
  will: { ...will, topic: "w" },
};

describe.each([3, 4, 5] as const)("on version %i, undefined counts as not set", (version) => {
  test("in the options of every call", async () => {
    const choices = {
      connect: connectOptions,
      subscribe: subscribeOptions,
      publish: publishOptions,
      request: requestOptions,
      disconnect: disconnectOptions,
    };
    expect(await sent(version, choices)).toBe(await sent(version, {}));
  });

  test("in nested objects", async () => {
    expect(await sent(version, { connect: emptyOfUndefined })).toBe(await sent(version, { connect: empty }));
  });

  test("in properties", async () => {
    const choices = {
      connect: { ...empty, properties: connectProperties, will: { topic: "w", properties: willProperties } },
      subscribe: { properties: subscribeProperties },
      publish: { properties: publishProperties },
      request: { properties: requestProperties },
      disconnect: { properties: disconnectProperties },
    };
    expect(await sent(version, choices)).toBe(await sent(version, { connect: empty }));
  });

  test.each([false, undefined] as const)(
    "of a client that ends with its connection: reconnect %j",
    async (reconnect) => {
      const properties = { sessionExpiryInterval: _, receiveMaximum: 9 };
      const disconnect = { properties: { sessionExpiryInterval: _ } };
      expect(await sent(version, { connect: { reconnect, properties }, disconnect })).toBe(
        await sent(version, {
          connect: { reconnect, properties: { receiveMaximum: 9 } },
          disconnect: { properties: {} },
        }),
      );
    },
  );
});

test("credentials that a function returns as undefined", async () => {
  const credentials = { username: _, password: _ };
  expect(await sent(5, { connect: { credentials: () => credentials } })).toBe(
    await sent(5, { connect: { credentials: () => ({}) } }),
  );
});

test("undefined properties are not stored", async () => {
  const kept = async (properties: PublishOptions["properties"]): Promise<readonly unknown[]> => {
    const bench = new Bench();
    const store = new MemoryStore({ maximumBytes: _ });
    const client = bench.create({ store, cleanStart: true });
    const publishing = client.publish("a", "hello", { qos: 1, properties });
    publishing.catch(() => undefined);
    await bench.clock.tick();
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    return recordsOf(store);
  };
  const records = await kept({});
  expect(records.length).toBeGreaterThan(0);
  expect(await kept(publishProperties)).toEqual(records);
});

test("authentication without its optional callbacks", async () => {
  const begun = async (given: AuthenticationOptions): Promise<unknown> => {
    const { client, peer } = await new Bench().online(
      { authentication: given },
      { properties: { authenticationMethod: "M" } },
    );
    expect(client.connected).toBe(true);
    return peer.received[0];
  };
  const needed = { method: "M", respond: () => undefined };
  expect(await begun({ ...authentication, ...needed })).toEqual(await begun(needed));
});

test("TLS options, for mqtts: and wss:", async () => {
  const trouble = (options: NetworkOptions): Promise<unknown> => {
    const refused = platform.dial(
      { scheme: "mqtts", host: "", port: 70_000, path: "" },
      new AbortController().signal,
      options,
    );
    return refused.catch((error: Error) => error.message);
  };
  expect(await trouble({ tls, proxy: _, localAddress: _, webSocket: _ })).toBe(await trouble({}));
  expect(() => createClient("mqtts://server", { tls })).not.toThrow();
  const { clock } = new Bench();
  let asked: NetworkOptions | undefined;
  const dial: ConnectOptions["dial"] = (_address, _signal, options) => {
    asked = options;
    return Promise.reject(new Error("enough"));
  };
  const client = createClient("mqtts://server", {
    tls: () => tls,
    dial,
    platform: { ...platform, clock },
    reconnect: false,
  });
  await expect(client.connect()).rejects.toThrow("enough");
  expect(asked?.tls).toEqual(tls);
});

describe("in the other entry points", () => {
  test("limits of the codec", () => {
    const connect = encode({ type: "connect", protocolVersion: 4, clientId: "c", cleanStart: true, keepAlive: 0 }, 4);
    const limits = { maximumPacketSize: _, longClientIdentifiers: _ };
    expect(new PacketStream("any", limits).push(connect)).toEqual(new PacketStream("any").push(connect));
  });

  test("the memory pair", async () => {
    const clock = new FakeClock();
    const [one, other] = memoryPair(clock, { delay: _, highWaterMark: _, chunkSize: _ });
    const heard: Uint8Array[] = [];
    other.start({ onBytes: (bytes) => heard.push(bytes), onDrain: () => undefined, onClose: () => undefined });
    one.write(Uint8Array.of(1, 2, 3));
    await clock.tick();
    expect(heard).toEqual([Uint8Array.of(1, 2, 3)]);
  });
});
