import { FakeClock } from "@aiko/mqtt/testing";
import { type DatagramGroup, type DatagramGroupListener, findGateway, udpGroup } from "@aiko/mqtt-gateway/sn";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import type { SnPacket } from "../../../src/sn/packets.ts";

/** A network in memory, in which a test sends. */
class Air implements DatagramGroup {
  readonly sent: [at: number, packet: SnPacket | undefined][] = [];
  isOpen = false;
  private listener: DatagramGroupListener | undefined;
  private readonly began: number;

  constructor(private readonly clock: FakeClock) {
    this.began = clock.now();
  }

  async open(listener: DatagramGroupListener): Promise<void> {
    this.isOpen = true;
    this.listener = listener;
  }

  send(bytes: Uint8Array): void {
    this.sent.push([this.clock.now() - this.began, decodeFrame(bytes).packet]);
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }

  say(packet: SnPacket, from = "udp://192.0.2.1:10000"): void {
    this.listener?.onDatagram(encodeFrame(packet), from);
  }
}

function searching(more: { timeout?: number; radius?: number; random?: number; signal?: AbortSignal } = {}) {
  const clock = new FakeClock();
  const air = new Air(clock);
  const { random = 0.5, ...options } = more;
  const found = findGateway("udp://239.10.0.1", { ...options, clock, group: air, random: { next: () => random } });
  found.catch(() => undefined);
  return { clock, air, found };
}

describe("a client that looks for a gateway", () => {
  test("asks after a random time, and takes the first that answers", async () => {
    const { clock, air, found } = searching({ radius: 2 });
    await clock.advance(2_499);
    expect(air.sent).toEqual([]);
    await clock.advance(1);
    expect(air.sent).toEqual([[2_500, { type: "searchgw", radius: 2 }]]);
    air.say({ type: "gwinfo", gatewayId: 7 });
    expect(await clock.until(found)).toEqual({ gatewayId: 7, address: "udp://192.0.2.1:10000" });
    expect([air.isOpen, clock.nextTimer]).toEqual([false, Infinity]);
  });

  test("does not ask if a gateway announces itself before", async () => {
    const { clock, air, found } = searching();
    await clock.advance(1_000);
    air.say({ type: "advertise", gatewayId: 3, duration: 900 });
    expect(await clock.until(found)).toMatchObject({ gatewayId: 3 });
    expect(air.sent).toEqual([]);
  });

  test("does not ask if another client has just asked", async () => {
    const { clock, air } = searching({ random: 0.999 });
    await clock.advance(4_000);
    air.say({ type: "searchgw", radius: 0 });
    await clock.advance(4_999);
    expect(air.sent).toEqual([]);
    await clock.advance(1);
    expect(air.sent).toHaveLength(1);
  });

  test("asks again, each time later", async () => {
    const { clock, air } = searching({ random: 0, timeout: 1_000_000 });
    await clock.advance(100_000);
    expect(air.sent.map(([at]) => at)).toEqual([0, 5_000, 15_000, 35_000, 75_000]);
  });

  test("ignores answers of other clients, and what is not a message", async () => {
    const { clock, air, found } = searching({ timeout: 20_000 });
    await clock.advance(1_000);
    air.say({ type: "gwinfo", gatewayId: 7, gatewayAddress: Uint8Array.of(192, 0, 2, 1) });
    air.say({ type: "connack", returnCode: 0 });
    await expect(clock.until(found)).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
    expect([air.isOpen, clock.nextTimer]).toEqual([false, Infinity]);
  });

  test("can be aborted", async () => {
    const abort = new AbortController();
    const { clock, air, found } = searching({ signal: abort.signal });
    await clock.advance(1_000);
    abort.abort();
    await expect(clock.until(found)).rejects.toMatchObject({ name: "AbortError" });
    expect(air.isOpen).toBe(false);
  });
});

test.each([
  ["udp://group.example", "must have an address, not a name"],
  ["http://239.10.0.1", "must begin with udp://"],
])("the group %s is refused", (url, message) => {
  expect(() => udpGroup(url)).toThrow(message);
});

test("a group that cannot be joined is a TransportError", async () => {
  await expect(findGateway("udp://192.0.2.1", { timeout: 1_000 })).rejects.toMatchObject({
    code: "CONNECTION_FAILED",
  });
});
