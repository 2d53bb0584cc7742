// Enhanced authentication [MQTT5 4.12]: the application's function for a method, in the first and in later exchanges.
import { connect, platform } from "@aiko/mqtt";
import { type AuthPacket, type AuthProperties, ReasonCode } from "@aiko/mqtt/codec";
import { memoryPair, type ScriptedPeer } from "@aiko/mqtt/testing";
import {
  type AuthenticationExchange,
  type AuthenticationMethod,
  Broker,
  type ConnectDecision,
} from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { Bench, message, receive, subscribe } from "./bench.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const words = (data: Uint8Array | undefined) => (data === undefined ? undefined : new TextDecoder().decode(data));
const method = "ECHO";

function auth(reasonCode: number, data?: string, properties: AuthProperties = {}): AuthPacket {
  const authenticationData = data === undefined ? undefined : bytes(data);
  return {
    type: "auth",
    reasonCode,
    properties: {
      authenticationMethod: method,
      ...(authenticationData !== undefined && { authenticationData }),
      ...properties,
    },
  };
}

/** Asks for the word of the user that the client names. */
const echo: AuthenticationMethod = async (exchange) => {
  const user = words(exchange.data) ?? "nobody";
  const answer = words(await exchange.challenge(bytes(`word of ${user}?`)));
  return answer === `${user}!` && { identity: user, data: bytes(`welcome ${user}`) };
};

function begin(bench: Bench, data?: string): ScriptedPeer {
  const peer = bench.dial();
  const { properties } = auth(0, data);
  peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0, properties });
  return peer;
}

async function admitted(bench: Bench, user = "ann"): Promise<ScriptedPeer> {
  const peer = begin(bench, user);
  await peer.expect("auth");
  peer.send(auth(0x18, `${user}!`));
  expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0 });
  return peer;
}

const withEcho = (options = {}) => new Bench({ authenticationMethods: { [method]: echo }, ...options });

describe("the first exchange", () => {
  test("asks with AUTH 0x18, and CONNACK has the method and the last data [MQTT5-4.12.0-2, 4.12.0-5]", async () => {
    const bench = withEcho();
    const peer = begin(bench, "ann");
    expect(await peer.expect("auth")).toEqual(auth(0x18, "word of ann?"));
    peer.send(auth(0x18, "ann!"));
    expect(await peer.expect("connack")).toMatchObject({
      reasonCode: 0,
      properties: { authenticationMethod: method, authenticationData: bytes("welcome ann") },
    });
    expect(bench.events).toMatchObject([{ type: "connected", clientId: "c", identity: "ann" }]);
  });

  test("may need no challenge, or several", async () => {
    const one = new Bench({ authenticationMethods: { [method]: () => true } });
    expect(await begin(one).expect("connack")).toMatchObject({ reasonCode: 0 });
    const rounds: (string | undefined)[] = [];
    const five = new Bench({
      authenticationMethods: {
        [method]: async (exchange) => {
          for (let i = 0; i < 5; i++) rounds.push(words(await exchange.challenge()));
          return true;
        },
      },
    });
    const peer = begin(five);
    for (let i = 0; i < 5; i++) {
      expect((await peer.expect("auth")).properties).toEqual({ authenticationMethod: method });
      peer.send(auth(0x18, `${i}`));
    }
    await peer.expect("connack");
    expect(rounds).toEqual(["0", "1", "2", "3", "4"]);
  });

  test("knows the request", async () => {
    const asked: AuthenticationExchange[] = [];
    const bench = new Bench({ authenticationMethods: { [method]: (exchange) => asked.push(exchange) > 0 } });
    await begin(bench, "d").expect("connack");
    expect(asked[0]?.reauthentication).toBe(false);
    expect(asked[0]?.request).toMatchObject({
      clientId: "c",
      connect: { properties: { authenticationMethod: method } },
    });
  });

  test.each<[ConnectDecision, number]>([
    [false, 0x87],
    [{ reasonCode: ReasonCode.BANNED, reason: "no" }, 0x8a],
    [{ reasonCode: ReasonCode.SUCCESS }, 0x87],
    [{ identity: "" }, 0x87],
    [undefined as never, 0x87],
    [{ identity: "ann", data: new Uint8Array(65_536) }, 0x88],
    [{ identity: "ann", data: "text" as never }, 0x88],
  ])("that ends with %j refuses the client with %i [MQTT5-4.12.0-4]", async (answer, reasonCode) => {
    const bench = new Bench({
      authenticationMethods: {
        [method]: async (exchange) => {
          await exchange.challenge();
          return answer;
        },
      },
    });
    const peer = begin(bench);
    await peer.expect("auth");
    peer.send(auth(0x18));
    expect(await peer.expect("connack")).toMatchObject({ reasonCode });
    await peer.expectClose();
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
  });

  test("that throws refuses the client with Server unavailable, and the reason is reported", async () => {
    for (const fails of [
      () => {
        throw new Error("no database");
      },
      () => Promise.reject(new Error("no database")),
    ]) {
      const bench = new Bench({ authenticationMethods: { [method]: fails } });
      const peer = begin(bench);
      expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x88, properties: undefined });
      expect(bench.events).toMatchObject([{ type: "refused", reason: expect.stringContaining("no database") }]);
    }
  });

  test("of a method that the broker does not have is refused, also if an object has such a name", async () => {
    const bench = withEcho();
    for (const authenticationMethod of ["SCRAM-SHA-1", "constructor", "__proto__"]) {
      const { connack } = await bench.introduce("c", { properties: { authenticationMethod } });
      expect(connack.reasonCode).toBe(0x8c);
    }
  });

  const inPlaceOfTheAnswer: [string, Parameters<ScriptedPeer["send"]>[0], number][] = [
    ["AUTH with another method", auth(0x18, "x", { authenticationMethod: "OTHER" }), 0x82],
    ["AUTH without a method", { type: "auth", reasonCode: 0x18 }, 0x82],
    ["AUTH with Re-authenticate", auth(0x19), 0x82],
    ["AUTH with Success", auth(0), 0x82],
    ["PINGREQ", { type: "pingreq" }, 0x82],
    ["PUBLISH", message("a", "x"), 0x82],
    ["a second CONNECT", { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 }, 0x82],
    ["AUTH with bad bytes", Uint8Array.of(0xf0, 3, 0x18, 9, 0), 0x81],
  ];
  test.each(inPlaceOfTheAnswer)("%s instead of the answer refuses the client", async (_, packet, reasonCode) => {
    const bench = withEcho();
    const peer = begin(bench, "ann");
    await peer.expect("auth");
    peer.send(packet);
    expect(await peer.expect("connack")).toMatchObject({ reasonCode });
    await peer.expectClose();
    expect(bench.events).toMatchObject([{ type: "refused" }]);
  });

  test("ends without CONNACK if the client sends DISCONNECT, and the function learns it", async () => {
    let failure: unknown;
    const bench = new Bench({
      authenticationMethods: {
        [method]: async (exchange) => {
          await exchange.challenge().catch((error: unknown) => {
            failure = error;
          });
          return true;
        },
      },
    });
    const peer = begin(bench);
    await peer.expect("auth");
    peer.send({ type: "disconnect", reasonCode: 0 });
    await peer.expectClose();
    expect(failure).toMatchObject({ code: "NOT_CONNECTED" });
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
    const another = begin(bench);
    await another.expect("auth");
    another.cut();
    await bench.clock.tick();
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
  });

  test("takes at most connectTimeout, whoever is slow", async () => {
    const bench = withEcho({ connectTimeout: 500 });
    const peer = begin(bench, "ann");
    await peer.expect("auth");
    await bench.clock.advance(600);
    expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x87 });
    await peer.expectClose();
    expect(bench.events).toEqual([{ type: "refused", reason: "the client did not authenticate within 500 ms" }]);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("takes at most maximumChallenges", async () => {
    const bench = new Bench({
      maximumChallenges: 3,
      authenticationMethods: {
        [method]: async (exchange) => {
          for (;;) await exchange.challenge();
        },
      },
    });
    const peer = begin(bench);
    for (let i = 0; i < 3; i++) {
      await peer.expect("auth");
      peer.send(auth(0x18));
    }
    expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x87 });
    await peer.expectClose();
  });

  test("rejects a challenge that is not awaited, and data that cannot be sent", async () => {
    const errors: unknown[] = [];
    const bench = new Bench({
      authenticationMethods: {
        [method]: async (exchange) => {
          await exchange.challenge("text" as never).catch((error) => errors.push(error));
          await exchange.challenge(new Uint8Array(65_536)).catch((error) => errors.push(error));
          const first = exchange.challenge();
          await exchange.challenge().catch((error) => errors.push(error));
          await first;
          return true;
        },
      },
    });
    const peer = begin(bench);
    await peer.expect("auth");
    peer.send(auth(0x18));
    await peer.expect("connack");
    expect(errors).toMatchObject(Array(3).fill({ code: "PROPERTY_INVALID" }));
  });

  test("packets behind the answer wait for CONNACK, in order", async () => {
    const bench = withEcho();
    const peer = begin(bench, "ann");
    await peer.expect("auth");
    peer.send(auth(0x18, "ann!"));
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0 }] });
    peer.send(message("a", "x"));
    await peer.expect("connack");
    await peer.expect("suback");
    expect(await receive(peer)).toBe("a=x q0");
  });

  test("an answer that comes before its challenge waits for it", async () => {
    const bench = withEcho();
    const peer = begin(bench, "ann");
    peer.send(auth(0x18, "ann!"));
    await peer.expect("auth");
    await peer.expect("connack");
  });

  test("a challenge that exceeds the client's maximum packet size refuses it", async () => {
    const bench = withEcho();
    const peer = bench.dial();
    const properties = { authenticationMethod: method, maximumPacketSize: 20 };
    peer.send({ type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0, properties });
    expect(await peer.expect("connack")).toMatchObject({ reasonCode: 0x95 });
    await peer.expectClose();
  });

  test("is not offered to a client without a method: it receives neither AUTH nor a method [MQTT5-4.12.0-6]", async () => {
    const bench = withEcho({ authenticate: () => ({ identity: "x", data: bytes("y") }) });
    const { peer, connack } = await bench.introduce("c");
    expect(connack.properties).not.toHaveProperty("authenticationMethod");
    expect(connack.properties).not.toHaveProperty("authenticationData");
    peer.send(auth(0x19));
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
    await peer.expectClose();
    expect(peer.received.filter(({ type }) => type === "auth")).toEqual([]);
  });
});

describe("re-authentication", () => {
  test("asks again and ends with AUTH 0x00, while other packets flow", async () => {
    const bench = withEcho();
    const peer = await admitted(bench);
    await subscribe(peer, "a", { qos: 0 });
    peer.send(auth(0x19, "ann"));
    expect(await peer.expect("auth")).toEqual(auth(0x18, "word of ann?"));
    peer.send(message("a", "x"));
    expect(await receive(peer)).toBe("a=x q0");
    peer.send(auth(0x18, "ann!"));
    expect(await peer.expect("auth")).toEqual(auth(0, "welcome ann"));
    peer.send(auth(0x19, "ann"));
    await peer.expect("auth");
  });

  test.each<[ConnectDecision, number]>([
    [false, 0x87],
    [{ reasonCode: 0x86 }, 0x87],
    [{ reasonCode: 0x88 }, 0x89],
    [{ reasonCode: 0x9d, serverReference: "b" }, 0x9d],
    [{ identity: "bob" }, 0x87],
    [true, 0x87], // it was accepted as ann
  ])("that ends with %j disconnects the client with %i [MQTT5-4.12.1-2]", async (answer, reasonCode) => {
    const bench = new Bench({
      authenticationMethods: { [method]: ({ reauthentication }) => (reauthentication ? answer : { identity: "ann" }) },
    });
    const peer = begin(bench);
    await peer.expect("connack");
    peer.send(auth(0x19));
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode });
    await peer.expectClose();
    expect(bench.hub.connectionCount).toBe(0);
  });

  test("that takes too long disconnects the client", async () => {
    const bench = withEcho({ reauthenticationTimeout: 700 });
    const peer = await admitted(bench);
    peer.send(auth(0x19, "ann"));
    await peer.expect("auth");
    await bench.clock.advance(699);
    expect(peer.isClosed).toBe(false);
    await bench.clock.advance(1);
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x87 });
    await peer.expectClose();
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test.each<[string, AuthPacket, number]>([
    ["an answer without a challenge", auth(0x18, "x"), 0x82],
    ["Success, which only a server says", auth(0), 0x82],
    ["another method [MQTT5-4.12.1-1]", auth(0x19, "x", { authenticationMethod: "OTHER" }), 0x82],
  ])("%s is a protocol error", async (_, packet, reasonCode) => {
    const peer = await admitted(withEcho());
    peer.send(packet);
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode });
    await peer.expectClose();
  });

  test("that starts during another one is a protocol error", async () => {
    const peer = await admitted(withEcho());
    peer.send(auth(0x19, "ann"));
    await peer.expect("auth");
    peer.send(auth(0x19, "ann"));
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
  });

  test("that a lost connection ends has no effect on the next connection", async () => {
    const bench = withEcho();
    const peer = await admitted(bench);
    peer.send(auth(0x19, "ann"));
    await peer.expect("auth");
    peer.cut();
    await bench.clock.tick();
    const again = await admitted(bench);
    await again.expectNothing();
    expect(bench.hub.connectionCount).toBe(1);
  });
});

test("works with the client of this library, in the first exchange and in later ones", async () => {
  const broker = await Broker.listen({ listeners: [], authenticationMethods: { [method]: echo } });
  onTestFinished(() => broker.close());
  const connected = recordEvents(broker);
  const finished: (string | undefined)[] = [];
  const client = await connect("mqtt://broker", {
    dial: async () => {
      const [ours, theirs] = memoryPair(platform.clock);
      broker.accept(theirs);
      return ours;
    },
    authentication: {
      method,
      begin: () => bytes("ann"),
      respond: (data) => bytes(words(data)?.replace("word of ", "").replace("?", "!") ?? ""),
      finish: (data) => void finished.push(words(data)),
    },
  });
  await client.reauthenticate();
  expect(finished).toEqual(["welcome ann", "welcome ann"]);
  expect(connected).toMatchObject([{ type: "connected", identity: "ann" }]);
  await client.disconnect();
});

test("with methods and without authenticate, a client that names no method is refused; with it, the function decides", async () => {
  const bench = new Bench({ authenticationMethods: { [method]: echo } });
  const { connack } = await bench.introduce("plain");
  expect(connack).toMatchObject({ reasonCode: ReasonCode.NOT_AUTHORIZED });
  const open = new Bench({ authenticationMethods: { [method]: echo }, authenticate: () => true });
  await open.connect("plain");
});
