// An option that is given as undefined is one that is left out: `{ properties: { contentType: maybe } }` must not change what is sent.
// The tables name every option there is, or they do not compile.
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

/** All options of such an object, undefined, but for those that must be given. */
type AllOf<Options, Needed extends keyof Options = never> = Record<Exclude<keyof Options, Needed>, undefined>;
type PropertiesOf<Options extends { properties?: object | undefined }> = AllOf<NonNullable<Options["properties"]>>;

const _ = undefined;
const message = { payloadFormatIndicator: _, messageExpiryInterval: _, contentType: _, userProperties: _ };
const willProperties: PropertiesOf<WillOptions> = {
  ...message,
  willDelayInterval: _,
  responseTopic: _,
  correlationData: _,
};
const requestProperties: PropertiesOf<RequestOptions> = { ...message, topicAlias: _, subscriptionIdentifiers: _ };
const publishProperties: PropertiesOf<PublishOptions> = { ...requestProperties, responseTopic: _, correlationData: _ };
const subscribeProperties: PropertiesOf<SubscribeOptions> = { subscriptionIdentifier: _, userProperties: _ };
const disconnectProperties: PropertiesOf<DisconnectOptions> = {
  sessionExpiryInterval: _,
  reasonString: _,
  serverReference: _,
  userProperties: _,
};
const connectProperties: PropertiesOf<ConnectOptions> = {
  sessionExpiryInterval: _,
  receiveMaximum: _,
  maximumPacketSize: _,
  topicAliasMaximum: _,
  requestResponseInformation: _,
  requestProblemInformation: _,
  authenticationMethod: _,
  authenticationData: _,
  userProperties: _,
};
const tls: AllOf<NonNullable<NetworkOptions["tls"]>> = {
  ca: _,
  certificate: _,
  key: _,
  passphrase: _,
  serverName: _,
  alpn: _,
  psk: _,
  minimumVersion: _,
  verifyServer: _,
};
const webSocket: AllOf<NonNullable<NetworkOptions["webSocket"]>> = { headers: _, subprotocol: _, implementation: _ };
const outbox: AllOf<OutboxOptions> = {
  maximumCount: _,
  maximumBytes: _,
  maximumAge: _,
  policy: _,
  qos0: _,
  sessionLost: _,
};
const will: AllOf<WillOptions, "topic"> = { payload: _, qos: _, retain: _, properties: _ };
const authentication: AllOf<AuthenticationOptions, "method" | "respond"> = { begin: _, finish: _ };
const connectOptions: AllOf<ConnectOptions> = {
  serverReference: _,
  subscriptionIdentifiers: _,
  clientId: _,
  protocolVersion: _,
  cleanStart: _,
  keepAlive: _,
  username: _,
  password: _,
  credentials: _,
  will: _,
  connectTimeout: _,
  reconnect: _,
  store: _,
  outbox: _,
  maximumInflight: _,
  acknowledgeTimeout: _,
  inbox: _,
  tls: _,
  webSocket: _,
  proxy: _,
  localAddress: _,
  dial: _,
  properties: _,
  authentication: _,
  signal: _,
  platform: _,
};
const publishOptions: AllOf<PublishOptions> = { qos: _, retain: _, properties: _, signal: _ };
const subscribeOptions: AllOf<SubscribeOptions> = {
  qos: _,
  onMessage: _,
  concurrency: _,
  handlerTimeout: _,
  noLocal: _,
  retainAsPublished: _,
  retainHandling: _,
  properties: _,
  signal: _,
};
const requestOptions: AllOf<RequestOptions> = { timeout: _, signal: _, qos: _, properties: _ };
const disconnectOptions: AllOf<DisconnectOptions> = { reasonCode: _, properties: _, drainTimeout: _ };

interface Choices {
  readonly connect?: ConnectOptions;
  readonly subscribe?: SubscribeOptions;
  readonly publish?: PublishOptions;
  readonly request?: RequestOptions;
  readonly disconnect?: DisconnectOptions;
}

/** All that a client with these options sends, in hexadecimal. */
async function sent(version: 3 | 4 | 5, choices: Choices): Promise<string> {
  const bench = new Bench();
  const given = { ...choices.connect, clientId: "c1", protocolVersion: version, platform: bench.platform };
  const client = createClient("mqtt://server", given);
  const connecting = client.connect();
  const peer = await bench.accept();
  await bench.passing(connecting);
  const grant = async (): Promise<void> => {
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
  };
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

describe.each([3, 4, 5] as const)("on version %i, undefined is the same as left out", (version) => {
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

  test("in the objects within them", async () => {
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

test("credentials that a function leaves undefined", async () => {
  const credentials = { username: _, password: _ };
  expect(await sent(5, { connect: { credentials: () => credentials } })).toBe(
    await sent(5, { connect: { credentials: () => ({}) } }),
  );
});

test("properties that are undefined are not stored", async () => {
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
    const bench = new Bench();
    const { client, peer } = await bench.online(
      { authentication: given },
      { properties: { authenticationMethod: "M" } },
    );
    expect(client.connected).toBe(true);
    return peer.received[0];
  };
  const needed = { method: "M", respond: () => undefined };
  expect(await begun({ ...authentication, ...needed })).toEqual(await begun(needed));
});

test("options of TLS, for mqtts: and wss:", async () => {
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

describe("in the other entries", () => {
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
