// MQTT 5.0, chapters 3.8 to 3.15: SUBSCRIBE, UNSUBSCRIBE, DISCONNECT and AUTH of a client.
import type { AuthenticationOptions } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { subscribed, watch } from "../../packages/mqtt/test/client/bench.ts";
import { connected, field, hex, packet, started, utf8, type Wire } from "./wire.ts";

const plain = { properties: { subscriptionIdentifiersAvailable: false } };

test("[MQTT-3.8.1-1] [MQTT-3.8.3-1] [MQTT-3.8.3-2] SUBSCRIBE: flags 0010, filters in UTF-8, each with its options", async () => {
  const wire = await connected({}, plain);
  started(wire.client.subscribe(["é/+", "#"], { qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 }));
  expect(await wire.sent()).toBe(packet("82", `0001 00 ${field("c3a9 2f 2b")} 2d ${field("23")} 2d`));
  for (const filter of ["\ud800", "a/\udfff/#"]) await wire.expectUsageError((client) => client.subscribe(filter));
});

test("[MQTT-3.8.3-2] SUBSCRIBE without a filter is not sent", async () => {
  await (await connected()).expectUsageError((client) => client.subscribe([] as string[]));
});

test("[MQTT-3.8.3-4] no local is not sent with a shared filter", async () => {
  const wire = await connected({}, plain);
  await wire.expectUsageError((client) => client.subscribe("$share/g/t", { noLocal: true }));
  await wire.expectUsageError((client) => client.subscribe(["t", "$share/g/t"], { noLocal: true }));
  const other = await connected({}, plain);
  started(other.client.subscribe("$share/g/t"));
  expect(await other.sent()).toBe(packet("82", `0001 00 ${field(utf8("$share/g/t"))} 00`));
});

test("[MQTT-3.10.1-1] [MQTT-3.10.3-1] [MQTT-3.10.3-2] UNSUBSCRIBE: flags 0010, filters in UTF-8", async () => {
  const wire = await connected();
  started(wire.client.unsubscribe(["é/+", "#"]));
  expect(await wire.sent()).toBe(packet("a2", `0001 00 ${field("c3a9 2f 2b")} ${field("23")}`));
  for (const filter of ["\ud800", "a/\udfff/#"]) await wire.expectUsageError((client) => client.unsubscribe(filter));
});

test("[MQTT-3.10.3-2] UNSUBSCRIBE without a filter is not sent", async () => {
  await (await connected()).expectUsageError((client) => client.unsubscribe([] as string[]));
});

const lasting = { properties: { sessionExpiryInterval: 60 } };

test.each([0, 4, 0x80, 0x81, 0x82, 0x83, 0x93, 0x94, 0x95, 0x97, 0x98, 0x99])(
  "[MQTT-3.14.2-1] DISCONNECT with reason code %i is sent unchanged",
  async (reasonCode) => {
    const wire = await connected(lasting);
    started(wire.client.disconnect({ reasonCode }));
    expect(await wire.sent()).toBe(reasonCode === 0 ? "e000" : `e001${reasonCode.toString(16).padStart(2, "0")}`);
  },
);

test.each([1, 2, 3, 0x10, 0x11, 0x18, 0x19, 0x84, 0x85, 0x86, 0x88, 0x8a, 0x91, 0x92, 0xa3, 0xff, 256, -1])(
  "[MQTT-3.14.2-1] DISCONNECT with reason code %i is not sent, and refused if it is received",
  async (reasonCode) => {
    await (await connected()).expectUsageError((client) => client.disconnect({ reasonCode }));
    if (reasonCode < 0 || reasonCode > 255) return;
    await (await connected()).expectRefusal(`e0 01 ${reasonCode.toString(16).padStart(2, "0")}`, 0x82);
  },
);

const words = "r".repeat(20);
const farewell = {
  reasonCode: 4,
  properties: { sessionExpiryInterval: 9, reasonString: words, userProperties: [["a", words]] },
} as const;
const needed = "11 00000009";
const all = `${needed} 1f ${field(utf8(words))} 26 ${field("61")} ${field(utf8(words))}`;

test.each([
  ["with all properties, if there is room", 58, packet("e0", `04 ${packet("", all)}`)],
  ["without reason string and user properties, if there is no room", 57, packet("e0", `04 ${packet("", needed)}`)],
  ["with all properties, if there is just enough room", 9, packet("e0", `04 ${packet("", needed)}`)],
  ["with the reason code only", 8, "e00104"],
  ["not at all, if even that is too long", 2, ""],
])("[MQTT-3.14.2-3] [MQTT-3.14.2-4] DISCONNECT is sent %s", async (_, maximumPacketSize, bytes) => {
  const wire = await connected(lasting, { properties: { maximumPacketSize } });
  started(wire.client.disconnect(farewell));
  expect(await wire.sent()).toBe(bytes);
  await wire.bench.clock.advance(100);
  expect(wire.peer.isClosed).toBe(true);
});

/** A client with everything pending that could still cause a packet: a handler, pings, queued messages. */
async function eager(): Promise<{ wire: Wire; finish: () => void }> {
  const wire = await connected({ keepAlive: 1, ...lasting }, { properties: { receiveMaximum: 1 } });
  let finish: () => void = () => undefined;
  await subscribed(wire.bench, wire.client, wire.peer, "#", {
    onMessage: () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  });
  wire.say("32 07 0001 74 0009 00 78");
  await wire.sent();
  started(wire.client.publish("t", "1", { qos: 1 }), wire.client.publish("t", "2", { qos: 1 }));
  expect(await wire.sent()).toBe(hex("32 07 0001 74 0002 00 31"));
  return { wire, finish: () => finish() };
}

async function expectSilence({ wire, finish }: Awaited<ReturnType<typeof eager>>): Promise<void> {
  const { peer, bench, client } = wire;
  const before = peer.bytes.length;
  peer.send({ type: "puback", packetIdentifier: 2, reasonCode: 0 });
  peer.send({ type: "pubrel", packetIdentifier: 5, reasonCode: 0 });
  finish();
  started(client.publish("t", "3"), client.subscribe("f"), client.unsubscribe("#"));
  await bench.clock.advance(99);
  expect(peer.bytes.length).toBe(before);
  expect(peer.isClosed).toBe(true);
}

test("[MQTT-3.14.4-1] [MQTT-3.14.4-2] after DISCONNECT nothing is sent, and the connection is closed", async () => {
  const { wire, finish } = await eager();
  started(wire.client.disconnect({ drainTimeout: 0 }));
  expect(await wire.sent()).toBe("e000");
  await expectSilence({ wire, finish });
});

test("[MQTT-3.14.4-1] [MQTT-3.14.4-2] the same holds after the DISCONNECT of an error, even for valid packets in the same bytes", async () => {
  const { wire, finish } = await eager();
  wire.say("0000 34 07 0001 74 000a 00 78 62 02 000b");
  expect(await wire.sent()).toBe("e00181");
  await expectSilence({ wire, finish });
});

const method = field("6d");

/** A client that authenticates with the method "m". */
async function authenticated(options: Partial<AuthenticationOptions> = {}, properties = {}): Promise<Wire> {
  const authentication = { method: "m", respond: (data: Uint8Array | undefined) => data, ...options };
  return connected({ authentication }, { properties: { authenticationMethod: "m", ...properties } });
}

test("[MQTT-3.15.1-1] [MQTT-3.15.2-1] [MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH: flags 0000, one of its reason codes, only method and data", async () => {
  const wire = await authenticated({ begin: () => Uint8Array.of(1) }, { maximumPacketSize: 20 });
  started(wire.client.reauthenticate());
  expect(await wire.sent()).toBe(packet("f0", `19 08 15 ${method} 16 0001 01`));
  expect(await wire.answerTo(packet("f0", `18 09 15 ${method} 16 0002 aabb`))).toBe(
    packet("f0", `18 09 15 ${method} 16 0002 aabb`),
  );
});

test.each(["01", "04", "17", "1a", "80", "87", "ff"])(
  "[MQTT-3.15.2-1] AUTH with reason code %s is refused",
  async (code) => {
    const wire = await authenticated();
    started(wire.client.reauthenticate());
    await wire.expectRefusal(packet("f0", `${code} 04 15 ${method}`), 0x82);
  },
);

test("[MQTT-3.2.2-15] [MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH that is too long for the server is not sent, and may be retried", async () => {
  let length = 50;
  const wire = await authenticated({ begin: () => new Uint8Array(length) }, { maximumPacketSize: 20 });
  const outcome = watch(wire.client.reauthenticate());
  expect(await wire.sent()).toBe("");
  expect(outcome.error).toMatchObject({ code: "MAXIMUM_PACKET_SIZE_EXCEEDED", reasonCode: 0x95 });
  length = 1;
  started(wire.client.reauthenticate());
  expect(await wire.sent()).toBe(packet("f0", `19 08 15 ${method} 16 0001 00`));
});
