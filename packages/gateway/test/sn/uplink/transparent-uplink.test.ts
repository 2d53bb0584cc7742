// A transparent far side whose server does not answer: what clients do meanwhile stays bounded.
import { platform as nodePlatform, type Transport } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { TransparentUplink } from "../../../src/sn/uplink/transparent-uplink.ts";

class SilentServer {
  readonly uplink: TransparentUplink;

  constructor() {
    const dial = (): Promise<Transport> => new Promise(() => {});
    this.uplink = new TransparentUplink({
      urls: ["mqtt://server"],
      options: { platform: { ...nodePlatform, dial } },
      acceptance: { accept: () => Promise.resolve("accepted"), count() {}, hasSpooled: false },
      pace: { turn: () => Promise.resolve() },
      concurrency: 1,
      isConnected: () => true,
      clientIdOf: (clientId) => clientId,
    });
  }

  connect(clientId: string) {
    const listener = { deliver: () => Promise.resolve("dropped" as const), ended() {} };
    return this.uplink.connect({ clientId, cleanSession: true, will: undefined }, listener);
  }
}

test("a connection that is being opened ends when its client connects again", async () => {
  const server = new SilentServer();
  const first = server.connect("one");
  const second = server.connect("one");
  expect(await first).toEqual({ outcome: "congestion" });
  await server.uplink.stop();
  expect(await second).toEqual({ outcome: "congestion" });
});

test("beyond 500 connections that are being opened the answer is congestion", async () => {
  const server = new SilentServer();
  const opening = Array.from({ length: 500 }, (_, i) => server.connect(`c${i}`));
  expect(await server.connect("late")).toEqual({ outcome: "congestion" });
  await server.uplink.stop();
  const outcomes = new Set((await Promise.all(opening)).map(({ outcome }) => outcome));
  expect([...outcomes]).toEqual(["congestion"]);
});
