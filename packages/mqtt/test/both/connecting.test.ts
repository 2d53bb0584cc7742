import type { SmallOptions } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

describe.each(clients)(
  "the $name client",
  ({ name, connect, connectLimits, connectsAgain, createBench, versions, words }) => {
    describe("connect resolves when CONNACK accepts", () => {
      test.each(versions)("on version %i", async (protocolVersion) => {
        const { client, peer } = await createBench().online({ protocolVersion });
        expect(client.connected).toBe(true);
        expect(client.clientId).toBe("c1");
        expect(peer.received[0]).toMatchObject({
          type: "connect",
          protocolVersion,
          clientId: "c1",
          cleanStart: protocolVersion < 5, // on 5 a session outlives connections, and a foreign one is ended
        });
      });

      test("and returns the server, the version and the server's properties", async () => {
        const bench = createBench();
        const connecting = bench.create({}, "mqtt://ann:secret@server").connect();
        await bench.accept({ properties: { receiveMaximum: 7 } });
        expect(await connecting).toEqual({
          server: "mqtt://server:1883",
          protocolVersion: 5,
          clientId: "c1",
          sessionPresent: false,
          properties: { receiveMaximum: 7 },
        });
      });

      test.each([4, 5] as const)("with all fields of CONNECT, on version %i", async (protocolVersion) => {
        const { peer } = await createBench().online({
          protocolVersion,
          keepAlive: 30,
          cleanStart: false,
          username: "ann",
          password: "sécret",
          will: { topic: "gone", payload: "Ö", qos: 2, retain: true, properties: { willDelayInterval: 5 } },
          properties: { sessionExpiryInterval: 9, userProperties: [["a", "b"]] },
        });

        expect(peer.received[0]).toEqual({
          type: "connect",
          protocolVersion,
          clientId: "c1",
          keepAlive: 30,
          cleanStart: false,
          username: "ann",
          password: new TextEncoder().encode("sécret"),
          will: {
            topic: "gone",
            payload: new TextEncoder().encode("Ö"),
            qos: 2,
            retain: true,
            properties: protocolVersion === 5 ? { willDelayInterval: 5 } : undefined,
          },
          properties:
            protocolVersion === 5
              ? {
                  sessionExpiryInterval: 9,
                  ...connectLimits,
                  userProperties: [["a", "b"]],
                }
              : undefined,
        });
      });

      test("with a password for the user in the URL, on 3.1.1 too", async () => {
        const bench = createBench();
        watch(bench.create({ protocolVersion: 4, password: "secret" }, "mqtt://ann@server").connect());
        const peer = await bench.accept();
        const password = new TextEncoder().encode("secret");
        expect(peer.received[0]).toMatchObject({ username: "ann", password });
        expect(() => bench.create({ protocolVersion: 4, password: "secret" })).toThrow(
          /password: (needs|requires) a username/,
        );
      });

      test("with the URL's credentials; options override them, and the credentials function overrides both", async () => {
        const url = "mqtt://a%40b:p%3A%C3%9F@server";
        const cases: readonly (readonly [SmallOptions, string, string])[] = [
          [{}, "a@b", "p:ß"],
          [{ username: "other", password: "word" }, "other", "word"],
          [
            {
              ...(name === "small" && { username: "other" }),
              credentials: async () => ({ username: "asked", password: "for" }),
            },
            "asked",
            "for",
          ],
        ];
        for (const [options, username, password] of cases) {
          const bench = createBench();
          const connecting = bench.create(options, url).connect();
          const peer = await bench.accept();
          await connecting;
          expect(peer.received[0]).toMatchObject({ username, password: new TextEncoder().encode(password) });
        }
      });

      test("with a random identifier that stays the same for each connection", async () => {
        const { bench, client, peer } = await createBench().online({ clientId: undefined });
        expect(client.clientId).toMatch(name === "whole" ? /^aiko[0-9a-z]{16}$/ : /^aiko[0-9a-z]{10,19}$/); // 3.1's limit
        peer.cut();
        expect((await bench.acceptAgain()).received[0]).toMatchObject({ clientId: client.clientId });
      });

      test("with the identifier that the server assigned, also on the next connection", async () => {
        const { bench, client, peer } = await createBench().online(
          { clientId: "" },
          { properties: { assignedClientIdentifier: "from-server" } },
        );
        expect(client.clientId).toBe("from-server");
        const again = await bench.reconnected(peer, { sessionPresent: true });
        expect(again.received[0]).toMatchObject({ clientId: "from-server" });
      });

      test("with the configured identifier, even if the server assigns another", async () => {
        const bench = createBench();
        const assigned = { properties: { assignedClientIdentifier: "from-server" } };
        const { client, peer } = await bench.online({ clientId: "c1" }, assigned);
        expect(client.clientId).toBe("c1");
        peer.cut();
        expect((await bench.acceptAgain()).received[0]).toMatchObject({ clientId: "c1" });
      });

      test("without an identifier that another server assigned: each server assigns its own", async () => {
        const bench = createBench();
        const { client, peer: first } = await bench.online(
          { clientId: "" },
          { properties: { assignedClientIdentifier: "from-one" } },
          ["mqtt://one", "mqtt://two"],
        );
        first.cut();
        (await bench.passing(bench.server.next())).cut();
        const second = await bench.acceptAgain({ properties: { assignedClientIdentifier: "from-two" } });
        expect(bench.dialled).toEqual(["one", "one", "two"]);
        expect(second.received[0]).toMatchObject({ clientId: "" });
        expect(client.clientId).toBe("from-two");
        second.cut();
        expect((await bench.acceptAgain()).received[0]).toMatchObject({ clientId: "from-two" });
      });

      test("also as a function that creates the client; it leaves nothing behind if it fails", async () => {
        const bench = createBench();
        const connecting = connect("mqtt://server", { platform: bench.platform });
        await bench.accept();
        expect((await connecting).connected).toBe(true);
        const other = createBench(() => ({ refused: true }));
        await expect(connect("mqtt://server", { platform: other.platform })).rejects.toMatchObject({
          code: "CONNECTION_FAILED",
        });
        expect(other.clock.nextTimer).toBe(Infinity);
        const silent = createBench();
        const late = watch(connect("mqtt://server", { platform: silent.platform, connectTimeout: 100 }));
        const peer = await silent.server.next();
        await peer.expect("connect");
        await silent.clock.advance(100);
        expect(late.error).toMatchObject({ code: "CONNECT_TIMEOUT" });
        await peer.expectClose();
        expect(silent.clock.nextTimer).toBe(Infinity);
      });
    });

    describe("a server that refuses causes a RefusedError with its code", () => {
      const before5 = {
        1: "Unacceptable protocol version",
        2: "Identifier rejected",
        3: "Server unavailable",
        4: "Bad user name or password",
        5: "Not authorized",
      };
      const names: Record<3 | 4 | 5, Record<number, string>> = {
        3: before5,
        4: before5,
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
      const refusals = versions.flatMap((version) =>
        Object.entries(names[version]).map(([code, text]) => ({ version, reasonCode: Number(code), text })),
      );
      test.each(refusals)("version $version, $reasonCode: $text", async ({ version, reasonCode, text }) => {
        const bench = createBench();
        const client = bench.create({ protocolVersion: version });
        const outcome = watch(client.connect());
        const peer = await bench.accept({ reasonCode });
        await bench.clock.advance(100);
        expect(outcome.error).toMatchObject({ name: "RefusedError", code: "CONNECT_REFUSED", reasonCode });
        expect(String(outcome.error)).toContain(words(reasonCode, text));
        expect(String(outcome.error)).toContain('"c1"');
        expect(peer.isClosed).toBe(true);
        expect(client.connected).toBe(false);
      });

      test.each([
        [5, 0x84],
        [5, 0x85],
        [5, 0x86],
        [5, 0x87],
        [5, 0x8a],
        [5, 0x8c],
        [4, 1],
        [4, 2],
        [4, 4],
        [4, 5],
      ] as const)("no other server is tried: version %i, %i", async (protocolVersion, reasonCode) => {
        const bench = createBench();
        const client = bench.create({ protocolVersion }, ["mqtt://one", "mqtt://two"]);
        const outcome = watch(client.connect());
        const peer = await bench.accept({ reasonCode });
        await bench.clock.advance(100);
        expect(outcome.error).toMatchObject({ name: "RefusedError", code: "CONNECT_REFUSED", reasonCode });
        expect(String(outcome.error)).toContain('"c1"');
        expect(peer.isClosed).toBe(true);
        expect(bench.dialled).toEqual(["one"]);
      });

      test.each([
        [5, 0x88],
        [5, 0x89],
        [5, 0x97],
        [5, 0x9c],
        [4, 3],
      ] as const)("the next server is tried: version %i, %i", async (protocolVersion, reasonCode) => {
        const bench = createBench();
        const client = bench.create({ protocolVersion }, ["mqtt://one", "mqtt://two"]);
        const connecting = client.connect();
        await bench.accept({ reasonCode });
        await bench.accept();
        expect((await connecting).server).toBe("mqtt://two:1883");
        expect(bench.dialled).toEqual(["one", "two"]);
      });

      test("the error contains the server's reason string; the client may connect again", async () => {
        const bench = createBench();
        const client = bench.create();
        const outcome = watch(client.connect());
        await bench.accept({ reasonCode: 0x87, properties: { reasonString: "not on Sundays" } });
        expect(outcome.error).toMatchObject({ reasonString: "not on Sundays" });

        await bench.connected(client);
        expect(client.connected).toBe(true);
      });
    });

    describe("aborting", () => {
      test.each(["option", "argument"])("before the attempt: the client does not dial (by %s)", async (by) => {
        const bench = createBench();
        const signal = AbortSignal.abort("why");
        const client = bench.create(by === "option" ? { signal } : {});
        await expect(client.connect(by === "option" ? undefined : { signal })).rejects.toMatchObject({
          code: "ABORTED",
          cause: "why",
        });
        expect(bench.dialled).toEqual([]);
      });

      test("while waiting for CONNACK: the connection is closed at once and no other server is tried", async () => {
        const bench = createBench();
        const abort = new AbortController();
        const outcome = watch(bench.create({}, ["mqtt://one", "mqtt://two"]).connect({ signal: abort.signal }));
        const peer = await bench.server.next();
        await peer.expect("connect");
        abort.abort();
        await bench.clock.tick();
        expect(outcome.error).toMatchObject({ name: "AbortError", code: "ABORTED" });
        expect(peer.isClosed).toBe(true);
        expect(bench.dialled).toEqual(["one"]);
      });

      test("after connecting: it has no effect", async () => {
        const bench = createBench();
        const abort = new AbortController();
        const { client } = await bench.online({ signal: abort.signal });
        abort.abort();
        await bench.clock.advance(100_000); // and connectTimeout has no limit either
        expect(client.connected).toBe(true);
      });
    });

    test("a list of servers is tried in order; the next round starts with the one that answered", async () => {
      const bench = createBench((attempt) => ({ refused: attempt < 2 }));
      const connecting = bench.create({}, ["mqtt://one", "mqtt://two", "mqtt://three"]).connect();
      const peer = await bench.accept();
      expect((await connecting).server).toBe("mqtt://three:1883");
      await bench.reconnected(peer);
      expect(bench.dialled).toEqual(["one", "two", "three", "three"]);
    });

    test("connecting twice is an error, as is connecting a closed client", async () => {
      const bench = createBench();
      const client = bench.create();
      const connecting = client.connect();
      await expect(client.connect()).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
      await bench.accept();
      await connecting;
      await expect(client.connect()).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
      const closing = bench.passing(client.disconnect());
      await expect(client.connect()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
      await closing;
      if (!connectsAgain) await expect(client.connect()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    });

    test("operations requested before a failed first attempt are done after one that succeeds", async () => {
      const bench = createBench((attempt) => ({ refused: attempt === 0 }));
      const client = bench.create();
      const publishing = watch(client.publish("a", "b", { qos: 1 }));
      const subscribing = watch(client.subscribe("a"));
      await expect(client.connect()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
      expect([publishing.settled, subscribing.settled]).toEqual([0, 0]);
      const peer = await bench.connected(client);
      await peer.expect("subscribe");
      await peer.expect("publish");
    });
  },
);
