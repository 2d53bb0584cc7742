import { type ConnectOptions, connect, createClient, type ProtocolVersion, type Transport } from "@aiko/mqtt";
import { FakeClock, memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

describe("connect resolves at the CONNACK that accepts", () => {
  test.each([3, 4, 5] as const)("on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ protocolVersion });
    expect(client.connected).toBe(true);
    expect(client.clientId).toBe("c1");
    const cleanStart = protocolVersion < 5; // on 5 a session lasts, and one that is not this client's is ended
    expect(peer.received[0]).toMatchObject({ type: "connect", protocolVersion, clientId: "c1", cleanStart });
  });

  test("and says where, how and what the server said", async () => {
    const bench = new Bench();
    const client = bench.create({}, "mqtt://ann:secret@server");
    const connecting = client.connect();
    await bench.accept({ properties: { receiveMaximum: 7 } });
    expect(await connecting).toEqual({
      server: "mqtt://server:1883",
      protocolVersion: 5,
      clientId: "c1",
      sessionPresent: false,
      properties: { receiveMaximum: 7 },
    });
  });

  test("with the whole of CONNECT as asked for", async () => {
    const bench = new Bench();
    const { peer } = await bench.online({
      keepAlive: 30,
      cleanStart: false,
      username: "ann",
      password: "sécret",
      will: { topic: "gone", payload: "Ö", qos: 2, retain: true, properties: { willDelayInterval: 5 } },
      properties: { sessionExpiryInterval: 9, userProperties: [["a", "b"]] },
    });
    expect(peer.received[0]).toMatchObject({
      keepAlive: 30,
      cleanStart: false,
      username: "ann",
      password: new TextEncoder().encode("sécret"),
      will: {
        topic: "gone",
        payload: new TextEncoder().encode("Ö"),
        qos: 2,
        retain: true,
        properties: { willDelayInterval: 5 },
      },
      properties: { sessionExpiryInterval: 9, userProperties: [["a", "b"]] },
    });
  });

  test("with the URL's credentials, which options go before", async () => {
    for (const [options, username, password] of [
      [{}, "a@b", "p:ß"],
      [{ username: "other", password: "word" }, "other", "word"],
    ] as const) {
      const bench = new Bench();
      const connecting = bench.create(options, "mqtt://a%40b:p%3A%C3%9F@server").connect();
      const peer = await bench.accept();
      await connecting;
      expect(peer.received[0]).toMatchObject({ username, password: new TextEncoder().encode(password) });
    }
  });

  test("with an identifier of 20 characters made at random, the same at each connection", async () => {
    const bench = new Bench();
    const client = createClient("mqtt://server", { platform: bench.platform, protocolVersion: 3 });
    const connecting = client.connect();
    const peer = await bench.accept();
    await connecting;
    expect(client.clientId).toMatch(/^aiko[0-9a-z]{16}$/);
    peer.cut();
    const again = await bench.acceptAgain();
    expect(again.received[0]).toMatchObject({ clientId: client.clientId });
  });

  test("with the identifier that the server assigned, kept for the next connection", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online(
      { clientId: "" },
      { properties: { assignedClientIdentifier: "from-server" } },
    );
    expect(client.clientId).toBe("from-server");
    peer.cut();
    const again = await bench.acceptAgain({ sessionPresent: true });
    expect(again.received[0]).toMatchObject({ clientId: "from-server" });
  });

  test("with the identifier that it chose, whatever the server assigns", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({}, { properties: { assignedClientIdentifier: "from-server" } });
    expect(client.clientId).toBe("c1");
    peer.cut();
    expect((await bench.acceptAgain()).received[0]).toMatchObject({ clientId: "c1" });
  });

  test("with no identifier of another server's: each server is asked for its own", async () => {
    const bench = new Bench();
    const client = bench.create({ clientId: "" }, ["mqtt://one", "mqtt://two"]);
    const connecting = client.connect();
    const first = await bench.accept({ properties: { assignedClientIdentifier: "from-one" } });
    await connecting;
    first.cut();
    (await bench.passing(bench.server.next())).cut();
    const second = await bench.acceptAgain({ properties: { assignedClientIdentifier: "from-two" } });
    expect(bench.dialled).toEqual(["one", "one", "two"]);
    expect(second.received[0]).toMatchObject({ clientId: "" });
    expect(client.clientId).toBe("from-two");
    second.cut();
    expect((await bench.acceptAgain()).received[0]).toMatchObject({ clientId: "from-two" });
  });

  test("with the assigned identifier again after disconnect and connect", async () => {
    const bench = new Bench();
    const assigned = { properties: { assignedClientIdentifier: "from-server" } };
    const { client } = await bench.online({ clientId: "" }, assigned);
    await bench.passing(client.disconnect());
    const connecting = client.connect();
    const peer = await bench.accept();
    await connecting;
    expect(peer.received[0]).toMatchObject({ clientId: "from-server" });
    expect(client.clientId).toBe("from-server");
  });

  test("as a function that makes the client too", async () => {
    const bench = new Bench();
    const connecting = connect("mqtt://server", { platform: bench.platform, clientId: "c" });
    await bench.accept();
    const client = await connecting;
    expect(client.connected).toBe(true);
  });
});

describe("a server that refuses is a RefusedError with its code and number", () => {
  const names: Record<ProtocolVersion, Record<number, string>> = {
    3: {
      1: "Unacceptable protocol version",
      2: "Identifier rejected",
      3: "Server unavailable",
      4: "Bad user name or password",
      5: "Not authorized",
    },
    4: {
      1: "Unacceptable protocol version",
      2: "Identifier rejected",
      3: "Server unavailable",
      4: "Bad user name or password",
      5: "Not authorized",
    },
    5: {
      128: "Unspecified error",
      129: "Malformed Packet",
      130: "Protocol Error",
      131: "Implementation specific error",
      132: "Unsupported Protocol Version",
      133: "Client Identifier not valid",
      134: "Bad User Name or Password",
      135: "Not authorized",
      136: "Server unavailable",
      137: "Server busy",
      138: "Banned",
      140: "Bad authentication method",
      144: "Topic Name invalid",
      149: "Packet too large",
      151: "Quota exceeded",
      153: "Payload format invalid",
      154: "Retain not supported",
      155: "QoS not supported",
      156: "Use another server",
      157: "Server moved",
      159: "Connection rate exceeded",
    },
  };
  const cases = ([3, 4, 5] as const).flatMap((version) =>
    Object.entries(names[version]).map(([code, name]) => ({ version, reasonCode: Number(code), name })),
  );
  test.each(cases)("version $version, $reasonCode: $name", async ({ version, reasonCode, name }) => {
    const bench = new Bench();
    const client = bench.create({ protocolVersion: version });
    const outcome = watch(client.connect());
    const peer = await bench.accept({ reasonCode });
    await bench.clock.advance(100);
    expect(outcome.error).toMatchObject({ name: "RefusedError", code: "CONNECT_REFUSED", reasonCode });
    expect(String(outcome.error)).toContain(name);
    expect(String(outcome.error)).toContain('"c1"');
    expect(peer.isClosed).toBe(true);
    expect(client.connected).toBe(false);
  });

  test("and the server's own words", async () => {
    const bench = new Bench();
    const outcome = watch(bench.create().connect());
    await bench.accept({ reasonCode: 0x87, properties: { reasonString: "not on Sundays" } });
    expect(outcome.error).toMatchObject({ reasonString: "not on Sundays", message: /not on Sundays/ });
  });

  test("after which the client may try again", async () => {
    const bench = new Bench();
    const client = bench.create();
    const first = watch(client.connect());
    await bench.accept({ reasonCode: 0x89 });
    expect(first.error).toMatchObject({ code: "CONNECT_REFUSED" });
    const second = client.connect();
    await bench.accept();
    await second;
    expect(client.connected).toBe(true);
  });
});

describe("a first attempt that fails otherwise", () => {
  test("the server is not there", async () => {
    const bench = new Bench(() => ({ refused: true }));
    await expect(bench.create().connect()).rejects.toMatchObject({
      name: "TransportError",
      code: "CONNECTION_FAILED",
    });
  });

  test("the server hangs up", async () => {
    const bench = new Bench();
    const outcome = watch(bench.create().connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    peer.close();
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ name: "TransportError", code: "CONNECTION_LOST", message: /before CONNACK/ });
  });

  test("the server says nothing: CONNECT_TIMEOUT, no earlier and no later", async () => {
    const bench = new Bench();
    const outcome = watch(bench.create({ connectTimeout: 3_000 }).connect());
    const peer = await bench.server.next();
    await bench.clock.advance(2_999);
    expect(outcome.settled).toBe(0);
    await bench.clock.advance(1);
    expect(outcome.error).toMatchObject({ name: "TimeoutError", code: "CONNECT_TIMEOUT", message: /3000 ms/ });
    await bench.clock.tick();
    expect(peer.isClosed).toBe(true);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test.each([
    ["never comes back", undefined],
    ["comes back late", 5_000],
  ])("a dial that ignores its signal and %s: CONNECT_TIMEOUT, and nothing is left open", async (_name, late) => {
    const bench = new Bench();
    const [near, far] = memoryPair(bench.clock);
    const server = new ScriptedPeer(far, bench.clock);
    const dial = () =>
      new Promise<Transport>((resolve) => {
        if (late !== undefined) bench.clock.schedule(late, () => resolve(near));
      });
    const client = createClient("mqtt://server", {
      platform: { ...bench.platform, dial },
      protocolVersion: 5,
      connectTimeout: 2_000,
    });
    const outcome = watch(client.connect());
    await bench.clock.advance(1_999);
    expect(outcome.settled).toBe(0);
    await bench.clock.advance(1);
    expect(outcome.error).toMatchObject({ name: "TimeoutError", code: "CONNECT_TIMEOUT", message: /2000 ms/ });
    await bench.clock.advance(10_000);
    expect(server.isClosed).toBe(late !== undefined);
    expect(server.received).toEqual([]);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("a dial that ignores its signal does not keep disconnect from ending, nor an abort", async () => {
    const bench = new Bench();
    const platform = { ...bench.platform, dial: () => new Promise<never>(() => undefined) };
    const client = createClient("mqtt://server", { platform });
    const outcome = watch(client.connect());
    await bench.clock.tick();
    await client.disconnect();
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ code: "CLIENT_CLOSED" });
    const source = new AbortController();
    const other = watch(createClient("mqtt://server", { platform }).connect(source.signal));
    await bench.clock.tick();
    source.abort();
    await bench.clock.tick();
    expect(other.error).toMatchObject({ code: "ABORTED" });
  });

  test("an HTTP server says so", async () => {
    const bench = new Bench();
    const outcome = watch(bench.create().connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    peer.send(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({
      name: "ProtocolError",
      code: "MALFORMED_PACKET",
      message:
        "mqtt://server:1883 does not answer as an MQTT server does: it speaks HTTP; for a WebSocket the URL begins with ws:",
    });
  });

  test("the server's name is not known: CONNECTION_FAILED, with the reason in words", async () => {
    const bench = new Bench();
    const unknown = Object.assign(new Error("getaddrinfo ENOTFOUND nowhere.invalid"), { code: "ENOTFOUND" });
    const platform = { ...bench.platform, dial: () => Promise.reject(unknown) };
    await expect(createClient("mqtt://nowhere.invalid", { platform }).connect()).rejects.toMatchObject({
      name: "TransportError",
      code: "CONNECTION_FAILED",
      message: /nowhere\.invalid.*ENOTFOUND/,
      cause: unknown,
    });
  });

  test("dialling takes for ever: CONNECT_TIMEOUT", async () => {
    const clock = new FakeClock();
    const client = createClient("mqtt://server", {
      platform: {
        clock,
        random: { next: () => 0.5 },
        dial: (_address, signal) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up")))),
      },
    });
    const outcome = watch(client.connect());
    await clock.advance(10_000);
    expect(outcome.error).toMatchObject({ name: "TimeoutError", code: "CONNECT_TIMEOUT" });
  });

  const garbage: readonly (readonly [string, Uint8Array])[] = [
    ["HTTP", new TextEncoder().encode(`HTTP/1.1 400 Bad Request\r\n${"Server: x\r\n".repeat(9)}`)],
    ["zeros", new Uint8Array(64)],
    ["another packet", Uint8Array.of(0xd0, 0)],
    ["a CONNACK cut short", Uint8Array.of(0x20, 1, 0)],
    ["a session present after a clean start", Uint8Array.of(0x20, 3, 1, 0, 0)],
  ];
  test.each(garbage)("garbage instead of CONNACK: %s", async (_name, bytes) => {
    const bench = new Bench();
    const outcome = watch(bench.create({ reconnect: false }).connect());
    const peer = await bench.server.next();
    await peer.expect("connect");
    peer.send(bytes);
    await bench.clock.advance(99);
    expect(outcome.error).toMatchObject({ name: "ProtocolError" });
    expect(peer.isClosed).toBe(true);
  });

  test("credentials of the URL that cannot be sent: the connection is not left open", async () => {
    const bench = new Bench();
    const outcome = watch(bench.create({}, "mqtt://a%00b:secret@server").connect());
    const peer = await bench.server.next();
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ name: "UsageError", code: "STRING_INVALID" });
    expect(String(outcome.error)).not.toMatch(/secret/);
    expect(peer.isClosed).toBe(true);
  });

  test("a dial that throws what is no MqttError is told as a TransportError", async () => {
    const bench = new Bench();
    const client = createClient("mqtt://server", {
      platform: { ...bench.platform, dial: () => Promise.reject(new Error("no cable")) },
    });
    await expect(client.connect()).rejects.toMatchObject({ code: "CONNECTION_FAILED", message: /server.*no cable/ });
  });
});

describe("aborting", () => {
  test("before: nothing is dialled", async () => {
    const bench = new Bench();
    const options: ConnectOptions = { platform: bench.platform, signal: AbortSignal.abort("why") };
    await expect(connect("mqtt://server", options)).rejects.toMatchObject({ code: "ABORTED", cause: "why" });
    expect(bench.dialled).toEqual([]);
  });

  test("while CONNACK is awaited: closed at once, no further version or server", async () => {
    const bench = new Bench();
    const abort = new AbortController();
    const client = bench.create({ protocolVersion: "auto" }, ["mqtt://one", "mqtt://two"]);
    const outcome = watch(client.connect(abort.signal));
    const peer = await bench.server.next();
    await peer.expect("connect");
    abort.abort();
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ name: "UsageError", code: "ABORTED" });
    expect(peer.isClosed).toBe(true);
    expect(bench.dialled).toEqual(["one"]);
  });

  test("after the connection is there: without effect", async () => {
    const bench = new Bench();
    const abort = new AbortController();
    const { client } = await bench.online({ signal: abort.signal });
    abort.abort();
    await bench.clock.advance(1_000);
    expect(client.connected).toBe(true);
  });
});

test("connecting a client twice is an error, as is connecting one that is being closed", async () => {
  const bench = new Bench();
  const { client } = await bench.online();
  await expect(client.connect()).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
  const closing = bench.passing(client.disconnect());
  await expect(client.connect()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  await closing;
});

test("disconnect while connecting ends the attempt", async () => {
  const bench = new Bench();
  const client = bench.create();
  const connecting = watch(client.connect());
  const peer = await bench.server.next();
  await client.disconnect();
  await bench.clock.tick();
  expect(connecting.error).toMatchObject({ code: "CLIENT_CLOSED" });
  expect(peer.isClosed).toBe(true);
  expect(bench.clock.nextTimer).toBe(Infinity);
});
