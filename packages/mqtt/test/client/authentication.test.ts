import type { AuthenticationOptions } from "@aiko/mqtt";
import type { ConnackPacket } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (data: Uint8Array | undefined) => String.fromCharCode(...(data ?? []));
const method = "ECHO";

/** Answers each challenge with the same data, and records what it got. */
function echo(told: string[] = []): AuthenticationOptions {
  return {
    method,
    begin: () => bytes("begin"),
    respond: async (data) => {
      told.push(`challenge ${text(data)}`);
      return data;
    },
    finish: (data) => {
      told.push(`success ${text(data)}`);
    },
  };
}

const accepted = (data: string): Partial<ConnackPacket> => ({
  properties: { authenticationMethod: method, authenticationData: bytes(data) },
});

describe("connecting with an authentication method", () => {
  test("begins in CONNECT, answers challenges, and passes on the server's final data", async () => {
    const bench = new Bench();
    const told: string[] = [];
    const client = bench.create({ authentication: echo(told) });
    const connecting = client.connect();
    const peer = await bench.server.next();
    const connect = await peer.expect("connect");
    expect(connect.properties).toMatchObject({ authenticationMethod: method, authenticationData: bytes("begin") });
    const challenge = { authenticationMethod: method, authenticationData: bytes("who?") };
    peer.send({ type: "auth", reasonCode: 0x18, properties: challenge });
    expect(await peer.expect("auth")).toMatchObject({ reasonCode: 0x18, properties: challenge });
    peer.send({ type: "connack", sessionPresent: false, reasonCode: 0, ...accepted("done") });
    await bench.passing(connecting);
    expect(told).toEqual(["challenge who?", "success done"]);
  });

  test("makes one callback at a time: a server that does not wait for the answer breaks the protocol", async () => {
    const bench = new Bench();
    let calls = 0;
    const authentication: AuthenticationOptions = {
      method,
      respond: () => {
        calls++;
        return new Promise(() => undefined);
      },
    };
    const connecting = watch(bench.create({ authentication }).connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    for (let i = 0; i < 1_000; i++)
      peer.send({ type: "auth", reasonCode: 0x18, properties: { authenticationMethod: method } });
    await bench.clock.advance(99);
    expect(connecting.error).toMatchObject({ name: "ProtocolError", reasonCode: 0x82 });
    expect(peer.isClosed).toBe(true);
    expect(calls).toBe(1);
  });

  test("uses MQTT 5 only, whatever versions the server suggests", async () => {
    const bench = new Bench();
    const connecting = bench.create({ protocolVersion: "auto", authentication: echo() }).connect();
    const failure = expect(connecting).rejects.toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x84 });
    const peer = await bench.server.next();
    expect(await peer.expect("connect")).toMatchObject({ protocolVersion: 5 });
    peer.send({ type: "connack", sessionPresent: false, reasonCode: 0x84 });
    await bench.passing(failure);
  });

  test.each([
    ["begin", "AUTHENTICATION_FAILED"],
    ["respond", "AUTHENTICATION_FAILED"],
  ] as const)("fails if %s throws, and names the method and the reason", async (callback, code) => {
    const bench = new Bench();
    const authentication = {
      ...echo(),
      [callback]: () => {
        throw new Error("no key");
      },
    };
    const connecting = bench.create({ authentication }).connect();
    const failure = expect(connecting).rejects.toMatchObject({
      code,
      message: "authentication with method ECHO failed: no key",
    });
    if (callback === "respond") {
      const peer = await bench.server.next();
      await peer.expect("connect");
      peer.send({ type: "auth", reasonCode: 0x18, properties: { authenticationMethod: method } });
    }
    await bench.passing(failure);
  });

  test("ends the connection permanently if the server's final data is not accepted", async () => {
    const bench = new Bench();
    const authentication = { ...echo(), finish: () => Promise.reject(new Error("wrong signature")) };
    const client = bench.create({ authentication });
    const closed = new Promise((resolve) => client.on("closed", resolve));
    await bench.passing(Promise.all([client.connect(), bench.accept(accepted("forged"))]));
    expect(await closed).toMatchObject({ error: { code: "AUTHENTICATION_FAILED" } });
  });

  test("takes no longer than connectTimeout, even if a callback does", async () => {
    const bench = new Bench();
    const authentication = { ...echo(), begin: () => new Promise<undefined>(() => undefined) };
    const connecting = bench.create({ authentication, connectTimeout: 500 }).connect();
    await expect(bench.passing(connecting)).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
  });
});

describe("re-authentication", () => {
  const authenticated = (told: string[] = []) => new Bench().online({ authentication: echo(told) }, accepted("first"));

  test("resolves when the server accepts", async () => {
    const told: string[] = [];
    const { bench, client, peer } = await authenticated(told);
    const again = client.reauthenticate();
    expect(await peer.expect("auth")).toMatchObject({
      reasonCode: 0x19,
      properties: { authenticationMethod: method, authenticationData: bytes("begin") },
    });
    peer.send({ type: "auth", reasonCode: 0, properties: { authenticationMethod: method } });
    await bench.passing(again);
    expect(told).toEqual(["success first", "success "]);
  });

  test("rejects when the connection is lost meanwhile", async () => {
    const { bench, client, peer } = await authenticated();
    const again = client.reauthenticate();
    await peer.expect("auth");
    const failure = expect(again).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    peer.cut();
    await bench.clock.tick();
    await failure;
  });

  test("is not available without the option", async () => {
    const { client } = await new Bench().online();
    await expect(client.reauthenticate()).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});

test.each([
  [{ method: 5, respond: () => undefined }, "authentication"],
  [{ method: "X" }, "authentication"],
])("an authentication option without a method name or a function is rejected", (authentication, field) => {
  expect(() => new Bench().create({ authentication: authentication as AuthenticationOptions })).toThrow(field);
});

test("an authentication needs MQTT 5", () => {
  expect(() => new Bench().create({ protocolVersion: 4, authentication: echo() })).toThrow("requires MQTT 5");
});
