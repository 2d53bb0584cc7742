// Attempts to connect that fail although the server has not refused them.
import { memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { TransportError } from "../../src/errors.ts";
import type { Transport, TransportListener } from "../../src/platform/transport.ts";
import { clients, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ name, createBench, credentialsFailed, encodesAfterDialling }) => {
  describe("an attempt that fails", () => {
    test("the server hangs up before CONNACK", async () => {
      const bench = createBench();
      const outcome = watch(bench.create().connect());
      const peer = await bench.server.next();
      await peer.expect("connect");
      peer.close();
      await bench.clock.tick();
      expect(outcome.error).toMatchObject({
        name: "TransportError",
        code: "CONNECTION_LOST",
        message: expect.stringContaining(name === "whole" ? "before CONNACK" : "mqtt://server:1883 closed"),
      });
    });

    test("the server does not answer: CONNECT_TIMEOUT, exactly when it is due", async () => {
      const bench = createBench();
      const outcome = watch(bench.create({ connectTimeout: 3_000 }).connect());
      const peer = await bench.server.next();
      await bench.clock.advance(2_999);
      expect(outcome.settled).toBe(0);
      await bench.clock.advance(1);
      expect(outcome.error).toMatchObject({
        name: "TimeoutError",
        code: "CONNECT_TIMEOUT",
        message: expect.stringMatching(/3000 ms/),
      });
      await bench.clock.tick();
      expect(peer.isClosed).toBe(true);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test.each([
      ["never returns", undefined],
      ["returns late", 5_000],
    ])("a dial that ignores its signal and %s: CONNECT_TIMEOUT, and no connection stays open", async (_name, late) => {
      const bench = createBench();
      const [near, far] = memoryPair(bench.clock);
      const server = new ScriptedPeer(far, bench.clock);
      const dial = () =>
        new Promise<Transport>((resolve) => {
          if (late !== undefined) bench.clock.schedule(late, () => resolve(near));
        });
      const outcome = watch(bench.create({ dial, connectTimeout: 2_000 }).connect());
      await bench.clock.advance(1_999);
      expect(outcome.settled).toBe(0);
      await bench.clock.advance(1);
      expect(outcome.error).toMatchObject({
        name: "TimeoutError",
        code: "CONNECT_TIMEOUT",
        message: expect.stringMatching(/2000 ms/),
      });
      await bench.clock.advance(10_000);
      expect(server.isClosed).toBe(late !== undefined);
      expect(server.received).toEqual([]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("a dial is aborted by its signal", async () => {
      const bench = createBench();
      const given: unknown[] = [];
      const dial: typeof bench.platform.dial = (_address, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            given.push(signal.reason);
            reject(new Error("given up"));
          });
        });
      const outcome = watch(bench.create({ dial }).connect());
      await bench.clock.advance(10_000);
      expect(given).toMatchObject([{ code: "CONNECT_TIMEOUT" }]);
      expect(outcome.error).toBe(given[0]);
    });

    test("a dial that never returns blocks neither disconnect nor an abort", async () => {
      const bench = createBench();
      const dial = () => new Promise<never>(() => undefined);
      const client = bench.create({ dial });
      const outcome = watch(client.connect());
      await bench.clock.tick();
      await client.disconnect();
      expect(outcome.error).toMatchObject({ code: "CLIENT_CLOSED" });
      const source = new AbortController();
      const other = watch(bench.create({ dial }).connect({ signal: source.signal }));
      await bench.clock.tick();
      source.abort();
      await bench.clock.tick();
      expect(other.error).toMatchObject({ code: "ABORTED" });
    });

    test.each([
      ["rejects at once", () => Promise.reject(new Error("no cable")), /server.*no cable/],
      [
        "throws synchronously",
        () => {
          throw new Error("no cable");
        },
        /server.*no cable/,
      ],
      ["throws a value that is not an Error", () => Promise.reject("no cable"), /server.*no cable/],
    ] as const)("a dial that %s is reported as a TransportError", async (_name, dial, message) => {
      const bench = createBench();
      await expect(bench.create({ dial }).connect()).rejects.toMatchObject({
        code: "CONNECTION_FAILED",
        message: expect.stringMatching(message),
      });
    });

    test("a transport may fail before it is started, as a WebSocket may", async () => {
      const bench = createBench();
      const failure = new TransportError("WEBSOCKET_FAILED", "closed with code 1002");
      const dead: Transport = {
        start: (listener: TransportListener) => listener.onClose(failure),
        write: () => true,
        pause: () => undefined,
        resume: () => undefined,
        end: () => undefined,
        destroy: () => undefined,
      };
      const outcome = watch(bench.create({ dial: () => Promise.resolve(dead) }).connect());
      await bench.clock.tick();
      expect(outcome.error).toBe(failure);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    const garbage: readonly (readonly [string, Uint8Array])[] = [
      ["HTTP", new TextEncoder().encode(`HTTP/1.1 400 Bad Request\r\n${"Server: x\r\n".repeat(9)}`)],
      ["zeros", new Uint8Array(64)],
      ["another packet", Uint8Array.of(0xd0, 0)],
      ["a CONNACK cut short", Uint8Array.of(0x20, 1, 0)],
      ["a session present after a clean start", Uint8Array.of(0x20, 3, 1, 0, 0)],
    ];
    test.each(garbage)("garbage instead of CONNACK: %s", async (_name, bytes) => {
      const bench = createBench();
      const outcome = watch(bench.create({ properties: { sessionExpiryInterval: 0 } }).connect());
      const peer = await bench.server.next();
      await peer.expect("connect");
      peer.send(bytes);
      await bench.clock.advance(99);
      expect(outcome.error).toMatchObject({ name: "ProtocolError" });
      expect(peer.isClosed).toBe(true);
    });

    test("the server is not running", async () => {
      const bench = createBench(() => ({ refused: true }));
      await expect(bench.create().connect()).rejects.toMatchObject({
        name: "TransportError",
        code: "CONNECTION_FAILED",
      });
    });

    test("the server's name cannot be resolved: CONNECTION_FAILED, with a readable reason", async () => {
      const bench = createBench();
      const unknown = Object.assign(new Error("getaddrinfo ENOTFOUND nowhere.invalid"), { code: "ENOTFOUND" });
      const dial = () => Promise.reject(unknown);
      await expect(bench.create({ dial }, "mqtt://nowhere.invalid").connect()).rejects.toMatchObject({
        name: "TransportError",
        code: "CONNECTION_FAILED",
        message: expect.stringMatching(/nowhere\.invalid.*ENOTFOUND/),
        cause: unknown,
      });
    });
  });

  describe("the function for credentials", () => {
    test("is called before each attempt, with the server", async () => {
      const asked: unknown[] = [];
      const bench = createBench();
      const credentials = async (server: string) => {
        asked.push(server);
        return { username: "ann", password: `token ${asked.length}` };
      };
      const { peer } = await bench.online({ credentials });
      const again = await bench.reconnected(peer);
      expect(asked).toEqual(["mqtt://server:1883", "mqtt://server:1883"]);
      expect(again.received[0]).toMatchObject({ password: new TextEncoder().encode("token 2") });
    });

    test.each([
      ["rejects", () => Promise.reject(new Error("no token"))],
      [
        "throws",
        () => {
          throw new Error("no token");
        },
      ],
    ])("that %s fails the attempt; the client does not dial", async (_how, credentials) => {
      const bench = createBench();
      await expect(bench.create({ credentials }).connect()).rejects.toMatchObject({
        code: credentialsFailed,
        cause: { message: "no token" },
      });
      expect(bench.dialled).toEqual([]);
    });

    test("is called again if a client that was connected before is refused: a token may have expired", async () => {
      const bench = createBench();
      let asked = 0;
      const credentials = () => ({ username: "ann", password: `token ${++asked}` });
      const { client } = await bench.online({ credentials });
      const events = bench.recordEvents(client);
      for (let outage = 1; outage <= 2; outage++) {
        bench.server.link.cut();
        for (let refusal = 1; refusal <= 3; refusal++) await bench.acceptAgain({ reasonCode: 0x87 });
        await bench.acceptAgain();
        expect(asked).toBe(1 + 4 * outage);
      }
      expect(events.map(({ name }) => name)).not.toContain("closed");
    });

    test("that never settles fails with connectTimeout", async () => {
      const bench = createBench();
      const outcome = watch(bench.create({ credentials: () => new Promise(() => undefined) }).connect());
      await bench.clock.advance(10_000);
      expect(outcome.error).toMatchObject({ code: "CONNECT_TIMEOUT" });
      expect(bench.dialled).toEqual([]);
    });

    test("that returns values that cannot be sent ends the attempt, and the error does not contain the secret", async () => {
      const bench = createBench();
      const credentials = async () => ({ username: "a\0b", password: "secret" });
      const outcome = watch(bench.create({ credentials }, ["mqtt://one", "mqtt://two"]).connect());
      await bench.clock.tick();
      expect(outcome.error).toMatchObject({ name: "UsageError", code: "STRING_INVALID" });
      expect(String(outcome.error)).not.toMatch(/secret/);
      expect(bench.dialled).toEqual(encodesAfterDialling ? ["one"] : []);
    });
  });
});
