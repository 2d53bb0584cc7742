// MQTT 5.0, chapters 4.12 and 4.13: enhanced authentication of a client, and errors that end the connection.
import type { AuthenticationOptions } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Bench, watch } from "../../packages/mqtt/test/client/bench.ts";
import { fromHex, toHex } from "../../packages/mqtt/test/codec/vectors.ts";
import { connected, field, hex, packet, started, type Wire } from "./wire.ts";

const method = field("6d");
const auth = (code: string, properties = `15 ${method}`) => packet("f0", `${code} ${packet("", properties)}`);
const echo: AuthenticationOptions = { method: "m", begin: () => Uint8Array.of(1), respond: (data) => data };

async function authenticated(options: Partial<AuthenticationOptions> = {}): Promise<Wire> {
  return connected({ authentication: { ...echo, ...options } }, { properties: { authenticationMethod: "m" } });
}

/** How a client reacts to these bytes while its CONNECT, with or without a method, waits for CONNACK. */
async function waiting(authentication: AuthenticationOptions | undefined, bytes: string) {
  const bench = new Bench();
  const connecting = watch(bench.create({ reconnect: false, ...(authentication && { authentication }) }).connect());
  const peer = await bench.server.next();
  await peer.expect("connect");
  const before = peer.bytes.length;
  peer.send(fromHex(bytes));
  await bench.clock.advance(99);
  return { connecting, peer, said: toHex(peer.bytes.subarray(before)) };
}

test("[MQTT-4.12.0-3] [MQTT-4.12.0-5] a client answers with reason code 0x18 and the method of its CONNECT", async () => {
  const { said, peer } = await waiting(echo, auth("18", `15 ${method} 16 0001 41`));
  expect(said).toBe(auth("18", `15 ${method} 16 0001 41`));
  expect(peer.received[0]).toMatchObject({ properties: { authenticationMethod: "m" } });
});

test.each([
  ["AUTH with another method", auth("18", "15 0001 6e")],
  ["AUTH without a method", auth("18", "")],
  ["AUTH without properties", "f000"],
  ["CONNACK with another method", packet("20", "00 00 04 15 0001 6e")],
  ["CONNACK without a method", packet("20", "00 00 00")],
])("[MQTT-4.12.0-5] the server must name the same method: %s", async (_, bytes) => {
  const { connecting, peer } = await waiting(echo, bytes);
  expect(connecting.error).toMatchObject({ name: "ProtocolError", reasonCode: 0x82 });
  expect(peer.isClosed).toBe(true);
});

test("[MQTT-4.12.0-5] also for re-authentication", async () => {
  for (const bytes of [auth("18", "15 0001 6e"), auth("00", "15 0001 6e"), auth("00", "")]) {
    const wire = await authenticated();
    started(wire.client.reauthenticate());
    await wire.expectRefusal(bytes, 0x82);
  }
});

test("[MQTT-4.12.0-7] without a method the client never sends AUTH", async () => {
  const wire = await connected();
  await wire.expectUsageError((client) => client.reauthenticate());
  await wire.expectRefusal(auth("18"), 0x82);
  const { connecting, said } = await waiting(undefined, auth("18"));
  expect(said).toBe("");
  expect(connecting.error).toMatchObject({ name: "ProtocolError", reasonCode: 0x82 });
});

test("[MQTT-4.12.1-1] a client re-authenticates with AUTH 0x19 and the method of CONNECT", async () => {
  const wire = await authenticated();
  for (let i = 0; i < 2; i++) {
    const again = watch(wire.client.reauthenticate());
    expect(await wire.sent()).toBe(auth("19", `15 ${method} 16 0001 01`));
    expect(await wire.answerTo(auth("18", `15 ${method} 16 0001 77`))).toBe(auth("18", `15 ${method} 16 0001 77`));
    expect(await wire.answerTo(auth("00"))).toBe("");
    expect(again).toMatchObject({ settled: 1 });
    expect(again.error).toBeUndefined();
  }
});

test.each([
  ["answers", { respond: () => Promise.reject(new Error("no key")) }, auth("18")],
  [
    "gets the success",
    {
      finish: (data: Uint8Array | undefined) => {
        if (data !== undefined) throw new Error("wrong signature");
      },
    },
    auth("00", `15 ${method} 16 0001 66`),
  ],
])(
  "[MQTT-4.12.1-2] authentication that fails when the client %s ends the connection with a reason code",
  async (_, options, bytes) => {
    const wire = await authenticated(options);
    const again = watch(wire.client.reauthenticate());
    await wire.sent();
    expect(await wire.answerTo(bytes)).toBe("e00180");
    await wire.bench.clock.advance(99);
    expect(wire.peer.isClosed).toBe(true);
    expect(again.error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
  },
);

test("[MQTT-4.12.1-2] authentication that the server ends closes the connection", async () => {
  const wire = await authenticated();
  const again = watch(wire.client.reauthenticate());
  await wire.sent();
  expect(await wire.answerTo("e0 01 87")).toBe("");
  await wire.bench.clock.advance(99);
  expect(wire.peer.isClosed).toBe(true);
  expect(again.error).toMatchObject({ code: "DISCONNECTED_BY_SERVER", reasonCode: 0x87 });
});

test("a failure to start re-authentication keeps the connection, and allows another attempt", async () => {
  let key = 0;
  const wire = await authenticated({
    begin: () => {
      if (key++ === 1) throw new Error("no key");
      return undefined;
    },
  });
  const failed = watch(wire.client.reauthenticate());
  expect(await wire.sent()).toBe("");
  expect(failed.error).toMatchObject({ code: "AUTHENTICATION_FAILED" });
  started(wire.client.reauthenticate());
  expect(await wire.sent()).toBe(auth("19"));
});

test("an exchange that started over a lost connection does not continue over the next", async () => {
  let release: () => void = () => undefined;
  let connections = 0;
  const begin = () => {
    if (connections++ !== 1) return undefined;
    return new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
  };
  const wire = await authenticated({ begin });
  const again = watch(wire.client.reauthenticate());
  await wire.sent();
  expect(await wire.reconnect({ sessionPresent: true, properties: { authenticationMethod: "m" } })).toBe("");
  expect(again.settled).toBe(1);
  release();
  expect(await wire.sent()).toBe("");
  expect(again.error).toMatchObject({ code: "CONNECTION_LOST" });
});

test.each(["80", "82", "84", "87", "89", "8a", "97", "9d", "9f"])(
  "[MQTT-4.13.2-1] CONNACK 0x%s ends the connection",
  async (code) => {
    const { connecting, peer, said } = await waiting(undefined, hex(`20 03 00 ${code} 00`));
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: Number.parseInt(code, 16) });
    expect(said).toBe("");
    expect(peer.isClosed).toBe(true);
  },
);

test.each(["80", "81", "82", "87", "8b", "8e", "93", "98", "9d", "a2"])(
  "[MQTT-4.13.2-1] DISCONNECT 0x%s ends the connection",
  async (code) => {
    const wire = await connected();
    expect(await wire.answerTo(`e0 01 ${code}`)).toBe("");
    await wire.bench.clock.advance(99);
    expect(wire.peer.isClosed).toBe(true);
    expect(wire.events[0]).toMatchObject({
      name: "disconnected",
      value: { error: { reasonCode: Number.parseInt(code, 16) } },
    });
  },
);

test("[MQTT-4.13.2-1] an error of the server ends the connection even if DISCONNECT cannot be sent", async () => {
  const wire = await connected({}, { properties: { maximumPacketSize: 2 } });
  expect(await wire.answerTo("0000")).toBe("");
  await wire.bench.clock.advance(99);
  expect(wire.peer.isClosed).toBe(true);
});
