// The hook `authenticate` of users, in a broker: which clients are accepted, with which identity and which refusal.

import type { ClientCertificate, ConnectRequest } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { type AuthenticatorOptions, authenticatorOf } from "../../src/users/authenticator.ts";
import { hashPassword, type PasswordHasher } from "../../src/users/password-hasher.ts";
import { Users } from "../../src/users/users.ts";
import { Bench } from "../bench.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ann = await hashPassword(bytes("secret"));
const users = new Users(new Map([["ann", ann]]));

/** Accepts the password of any user if it is "secret". */
const quick: PasswordHasher = { verify: async (_, password) => Buffer.from(password).toString() === "secret" };
const quickUsers = (): Users => new Users(new Map([["ann", ann]]), { hasher: quick });

describe("a broker with users", () => {
  const secret = bytes("secret");
  test.each([
    ["the right password", { username: "ann", password: secret }, false, 0, "ann"],
    ["a wrong password", { username: "ann", password: bytes("Secret") }, true, 0x86, undefined],
    ["an unknown user", { username: "eve", password: secret }, true, 0x86, undefined],
    ["no password", { username: "ann" }, true, 0x86, undefined],
    ["an empty name", { username: "", password: secret }, true, 0x86, undefined],
    ["no name", {}, false, 0x87, undefined],
    ["no name, if anonymous clients are allowed", {}, true, 0, undefined],
  ])("answers %s", async (_, fields, allowAnonymous, code, identity) => {
    const bench = new Bench({ authenticate: authenticatorOf(quickUsers(), { allowAnonymous }) });
    const { connack } = await bench.introduce("c", fields);
    expect(connack.reasonCode).toBe(code);
    expect(bench.hub.clientList.get("c")?.identity).toBe(identity);
    expect(JSON.stringify(bench.events)).not.toContain("ecret");
  });

  test.each([
    [3, 4, 5],
    [4, 4, 5],
  ] as const)("answers MQTT version %i with its return codes", async (protocolVersion, wrong, anonymous) => {
    const bench = new Bench({ authenticate: authenticatorOf(quickUsers()) });
    const fields = { protocolVersion, username: "ann", password: bytes("x") };
    expect((await bench.introduce("c", fields)).connack.reasonCode).toBe(wrong);
    expect((await bench.introduce("c", { protocolVersion })).connack.reasonCode).toBe(anonymous);
  });

  test("refuses clients as busy if too many wait, and they may retry", async () => {
    const never: PasswordHasher = { verify: () => new Promise(() => undefined) };
    const few = new Users(new Map(), { hasher: never, maximumRunning: 1, maximumWaiting: 1 });
    const bench = new Bench({ authenticate: authenticatorOf(few) });
    for (const clientId of ["1", "2"]) {
      const peer = bench.dial();
      peer.send({ type: "connect", protocolVersion: 5, clientId, cleanStart: true, keepAlive: 0, ...named });
    }
    await bench.clock.tick();
    const { connack } = await bench.introduce("3", named);
    expect(connack).toMatchObject({
      reasonCode: 0x89,
      properties: { reasonString: "too many passwords wait for verification" },
    });
  });

  test("refuses clients as unavailable if the hash fails", async () => {
    const failing: PasswordHasher = { verify: () => Promise.reject(new Error("no memory")) };
    const bench = new Bench({ authenticate: authenticatorOf(new Users(new Map(), { hasher: failing })) });
    expect((await bench.introduce("c", named)).connack.reasonCode).toBe(0x88);
  });
});

const named = { username: "ann", password: bytes("x") };

test.each([
  [true, true],
  [false, { reasonCode: 0x87, reason: "a user name is required" }],
])(
  "without users, a name is not an identity, and anonymous clients are allowed or not: %j",
  (allowAnonymous, answer) => {
    expect(authenticatorOf(undefined, { allowAnonymous })(request({ username: "ann" }))).toEqual(answer);
  },
);

describe("a client certificate", () => {
  const certificate: ClientCertificate = { commonName: "sensor-1", subjectAltName: undefined, fingerprint256: "AB:CD" };

  test.each([
    ["commonName", certificate, { identity: "sensor-1" }],
    ["fingerprint", certificate, { identity: "AB:CD" }],
    ["fingerprint", { ...certificate, commonName: undefined }, { identity: "AB:CD" }],
    ["commonName", { ...certificate, commonName: undefined }, { reasonCode: 0x87 }],
    ["commonName", { ...certificate, commonName: "" }, { reasonCode: 0x87 }],
  ] as const)("identifies by its %s, whatever user name the client gives: %j", (certificates, given, answer) => {
    const authenticate = authenticatorOf(users, { certificates });
    expect(authenticate(request({ certificate: given, username: "ann" }))).toMatchObject(answer);
  });

  test("does not identify if it is not asked for", () => {
    expect(authenticatorOf(users)(request({ certificate }))).toMatchObject({ reasonCode: 0x87 });
  });
});

test.each([{ allowAnonymous: "yes" }, { certificates: "serial" }, { anonymous: true }])(
  "%j is not valid",
  (options) => {
    expect(() => authenticatorOf(users, options as AuthenticatorOptions)).toThrow(
      expect.objectContaining({ name: "UsageError" }),
    );
  },
);

function request(fields: Partial<ConnectRequest>): ConnectRequest {
  return {
    clientId: "c",
    username: undefined,
    password: undefined,
    address: undefined,
    origin: undefined,
    listener: undefined,
    certificate: undefined,
    connect: { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 },
    ...fields,
  };
}
