import { type ConnectOptions, createClient } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench } from "./bench.ts";

const make = (options: object) => () => createClient("mqtt://localhost", options as ConnectOptions);

describe("an option that does not exist is named", () => {
  test.each([
    [{ keepalive: 5 }, "keepalive"],
    [{ clean: true }, "clean"],
    [{ reconnect: { delay: 5 } }, "reconnect.delay"],
    [{ outbox: { count: 5 } }, "outbox.count"],
    [{ inbox: { bytes: 5 } }, "inbox.bytes"],
  ])("%o", (options, name) => {
    expect(make(options)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "OPTION_UNKNOWN", message: expect.stringContaining(name) }),
    );
  });
});

describe("an error about an unknown option suggests the right name:", () => {
  test.each([
    [{ keepalive: 5 }, "keepalive", "keepAlive"],
    [{ clean: true }, "clean", "cleanStart"],
    [{ reconnectPeriod: 5 }, "reconnectPeriod", "reconnect"],
    [{ connectionTimeout: 5 }, "connectionTimeout", "connectTimeout"],
    [{ rejectUnauthorized: false }, "rejectUnauthorized", "tls.verifyServer"],
    [{ tls: { rejectUnauthorized: false } }, "tls.rejectUnauthorized", "tls.verifyServer"],
    [{ user: "" }, "user", "username"],
    [{ clientID: "" }, "clientID", "clientId"],
    [{ pasword: "" }, "pasword", "password"],
    [{ reconnect: { delay: 5 } }, "reconnect.delay", "reconnect.initialDelay"],
    [{ outbox: { maximumcount: 5 } }, "outbox.maximumcount", "outbox.maximumCount"],
    [{ inbox: { maximalBytes: 5 } }, "inbox.maximalBytes", "inbox.maximumBytes"],
    [{ will: { mesage: "", topic: "a", topc: "a" } }, "will.mesage", undefined],
    [{ xyz: 1 }, "xyz", undefined],
  ])("%o", (options, name, meant) => {
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    expect(make(options)).toThrow(
      expect.objectContaining({
        code: "OPTION_UNKNOWN",
        message: `unknown option "${name}"${hint}`,
      }),
    );
  });
});

describe("a wrong option names field, value and rule", () => {
  test.each([
    [{ keepAlive: 65_536 }, "keepAlive 65536: must be an integer from 0 to 65535"],
    [{ keepAlive: -1 }, "keepAlive -1: must be an integer from 0 to 65535"],
    [{ keepAlive: 1.5 }, "keepAlive 1.5: must be an integer"],
    [{ keepAlive: "60" }, 'keepAlive "60": must be a number, an integer from 0 to 65535'],
    [{ keepAlive: NaN }, "keepAlive NaN: must be an integer"],
    [{ protocolVersion: 6 }, 'protocolVersion 6: must be the number 3, 4 or 5, or "auto"'],
    [{ protocolVersion: "5" }, 'protocolVersion "5": must be the number 3, 4 or 5, or "auto"'],
    [{ cleanStart: 1 }, "cleanStart 1: must be the boolean true or false"],
    [{ connectTimeout: 0 }, "connectTimeout 0: must be an integer from 1"],
    [{ connectTimeout: Infinity }, "connectTimeout Infinity: must be an integer"],
    [{ clientId: 5 }, "clientId 5: must be a string"],
    [{ username: "ann", password: 5 }, "password: must be a string or a Uint8Array"],
    [{ protocolVersion: 4, password: "x" }, "password: requires a username"],
    [{ password: "x" }, "password: requires a username"],
    [{ store: new MemoryStore() }, "store: requires a clientId"],
    [{ reconnect: { initialDelay: 0 } }, "reconnect.initialDelay 0: must be an integer from 1"],
    [{ reconnect: { initialDelay: 5_000, maximumDelay: 4_000 } }, "reconnect.maximumDelay 4000: must be an integer"],
    [{ reconnect: { maximumAttempts: 0 } }, "reconnect.maximumAttempts 0: must be a number of at least 1"],
    [{ reconnect: { maximumAttempts: NaN } }, "reconnect.maximumAttempts NaN: must be a number of at least 1"],
    [{ outbox: { maximumCount: 0 } }, "outbox.maximumCount 0: must be an integer from 1"],
    [{ outbox: { maximumBytes: -5 } }, "outbox.maximumBytes -5: must be an integer from 1"],
    [{ inbox: { maximumCount: 2.5 } }, "inbox.maximumCount 2.5: must be an integer from 1"],
    [{ will: { topic: "a", qos: 3 } }, "will.qos 3: must be the number 0, 1 or 2"],
    [{ will: { topic: "a", retain: "yes" } }, 'will.retain "yes": must be the boolean true or false'],
    [{ will: { topic: "a", qos: "1" } }, 'will.qos "1": must be the number 0, 1 or 2'],
    [{ reconnect: { maximumAttempts: "5" } }, 'reconnect.maximumAttempts "5": must be a number'],
    [{ will: { topic: "a", payload: new Uint8Array(65_536) } }, "will.payload 65536 bytes: must have at most 65,535"],
  ])("%o", (options, message) => {
    expect(make(options)).toThrow(
      expect.objectContaining({
        name: "UsageError",
        code: "OPTION_INVALID",
        message: expect.stringContaining(message),
      }),
    );
  });

  test.each([
    [{ will: { topic: "a/+" } }, "TOPIC_NAME_INVALID", 'will.topic "a/+": must not contain the wildcard'],
    [{ will: { payload: "a" } }, "TOPIC_NAME_INVALID", "will.topic undefined: must be a string"],
    [{ will: { topic: "" } }, "TOPIC_NAME_INVALID", 'will.topic "": must not be empty'],
    [{ will: { topic: "a", payload: "\ud800" } }, "PAYLOAD_INVALID", "will.payload: must be"],
    [{ will: { topic: "a", payload: 5 } }, "PAYLOAD_INVALID", "will.payload 5: must be"],
    [{ username: "ann", password: "\ud800" }, "PAYLOAD_INVALID", "password: must be"],
    [{ protocolVersion: 3, clientId: "x".repeat(24) }, "CLIENT_ID_INVALID", "24 characters"],
    [{ protocolVersion: 3, clientId: "" }, "CLIENT_ID_INVALID", "0 characters"],
    [{ properties: { receiveMaximum: 0 } }, "PROPERTY_INVALID", "receiveMaximum"],
    [{ properties: { topicAlias: 1 } }, "PROPERTY_INVALID", "topicAlias"],
    [{ will: { topic: "a", properties: { willDelayInterval: -1 } } }, "PROPERTY_INVALID", "willDelayInterval"],
    [{ username: "a\0b" }, "STRING_INVALID", "username"],
    [{ clientId: "a\ud800" }, "STRING_INVALID", "clientId"],
    [{ protocolVersion: 4, clientId: "", cleanStart: false }, "CLIENT_ID_INVALID", "MQTT-3.1.3-8"],
  ])("%o", (options, code, message) => {
    expect(make(options)).toThrow(
      expect.objectContaining({ name: "UsageError", code, message: expect.stringContaining(message) }),
    );
  });

  test("and a password is not in the message", () => {
    expect(make({ protocolVersion: 4, password: "hunter2" })).not.toThrow(/hunter2/);
  });
});

test("an undefined option counts as not set", () => {
  expect(make({ keepAlive: undefined, clientId: undefined, will: undefined, store: undefined })).not.toThrow();
});

test("a password without a user name is allowed on MQTT 5", () => {
  expect(make({ protocolVersion: 5, password: "token" })).not.toThrow();
});

test("a password may belong to the user name in the URL", async () => {
  const bench = new Bench();
  bench
    .create({ protocolVersion: 4, password: "secret", reconnect: false }, "mqtt://ann@server")
    .connect()
    .catch(() => undefined);
  const peer = await bench.server.next();
  expect(await peer.expect("connect")).toMatchObject({ username: "ann", password: new TextEncoder().encode("secret") });
});

test.each(["will", "store", "outbox", "inbox", "properties", "authentication", "platform"])(
  "%s null is rejected",
  (name) => {
    expect(() => createClient("mqtt://server", { clientId: "c", [name]: null })).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", message: `${name} null: must be an object` }),
    );
  },
);

describe("a misspelt option is reported, not ignored:", () => {
  test("of publish, subscribe, request, disconnect and the will", async () => {
    const { client } = await new Bench().online();
    const told = (name: string, meant: string) => ({
      code: "OPTION_UNKNOWN",
      message: `unknown option "${name}"; did you mean "${meant}"?`,
    });
    await expect(client.publish("a", "b", { QoS: 1 } as object)).rejects.toMatchObject(told("QoS", "qos"));
    await expect(client.subscribe("a", { onmessage: () => undefined } as object)).rejects.toMatchObject(
      told("onmessage", "onMessage"),
    );
    await expect(client.request("a", "b", { timeOut: 1 } as object)).rejects.toMatchObject(told("timeOut", "timeout"));
    await expect(client.disconnect({ drain: 1 } as object)).rejects.toMatchObject(told("drain", "drainTimeout"));
    expect(make({ will: { topic: "a", mesage: "b" } })).toThrow('option "will.mesage"');
  });
});

test.each(["mqtt://ann:se#cret@host", "mqtt://ann:sec/ret@host", "mqtt://ann:sec?ret@host"])(
  "the error does not quote text of %s that may be part of a password",
  (url) => {
    expect(() => createClient(url)).toThrow(/escapes/);
    expect(() => createClient(url)).not.toThrow(/cret|sec/);
  },
);
