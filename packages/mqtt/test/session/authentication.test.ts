import type { AuthPacket } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Client, connack, protocolFault } from "./sessions.ts";

const method = { authenticationMethod: "SCRAM-SHA-256" };
const auth = (reasonCode: number, properties: AuthPacket["properties"] = method): AuthPacket => ({
  type: "auth",
  reasonCode,
  properties,
});
const authenticating = () => new Client({ properties: method });

describe("an authentication that CONNECT started", () => {
  test("continues with AUTH until CONNACK accepts", () => {
    const client = authenticating();
    client.open();
    client.outlet.taken();
    client.receive(auth(0x18));
    client.session.sayAuth(0x18, Uint8Array.of(1, 2));
    expect(client.outlet.packets(5)).toEqual([auth(0x18, { ...method, authenticationData: Uint8Array.of(1, 2) })]);
    client.receive(connack(false, method));
    expect(client.events).toEqual(["auth 24", "accepted 0 new"]);
  });

  test.each([
    ["sends AUTH with success instead of CONNACK", auth(0)],
    ["starts another authentication", auth(0x19)],
    ["names another method", auth(0x18, { authenticationMethod: "PLAIN" })],
    ["names no method", auth(0x18, {})],
  ])("breaks the protocol if the server %s", (_, packet) => {
    const client = authenticating();
    client.open();
    expect(protocolFault(() => client.receive(packet))).toBe(0x82);
  });

  test("breaks the protocol if CONNACK names another method", () => {
    const client = authenticating();
    client.open();
    expect(protocolFault(() => client.receive(connack(false, { authenticationMethod: "PLAIN" })))).toBe(0x82);
  });
});

describe("re-authentication over an open connection", () => {
  test("starts with Re-authenticate, continues, and ends with success", () => {
    const client = authenticating();
    client.open();
    client.receive(connack(false, method));
    client.outlet.taken();
    client.session.sayAuth(0x19, undefined);
    expect(client.outlet.packets(5)).toEqual([auth(0x19)]);
    client.receive(auth(0x18));
    client.session.sayAuth(0x18, undefined);
    client.receive(auth(0));
    expect(client.events).toEqual(["accepted 0 new", "auth 24", "auth 0"]);
    expect(protocolFault(() => client.receive(auth(0)))).toBe(0x82);
  });

  test("cannot be started by the server", () => {
    const client = authenticating();
    client.open();
    client.receive(connack(false, method));
    expect(protocolFault(() => client.receive(auth(0x18)))).toBe(0x82);
  });
});

test.each([5, 4, 3] as const)("without a method in CONNECT, AUTH breaks the protocol on version %i", (version) => {
  const client = new Client({ version });
  client.open();
  expect(protocolFault(() => client.receive(auth(0x18)))).toBe(0x82);
  client.receive(connack());
  expect(protocolFault(() => client.receive(auth(0x18)))).toBe(0x82);
});

test("before MQTT 5 no AUTH is sent", () => {
  const client = new Client({ version: 4 });
  client.connect();
  client.outlet.taken();
  client.session.sayAuth(0x18, undefined);
  expect(client.outlet.taken()).toBe("");
});
