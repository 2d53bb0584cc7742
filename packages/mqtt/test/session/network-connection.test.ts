import { type ConnectionOwner, NetworkConnection } from "@aiko/mqtt/session";
import { CLOCK_KINDS, type ClockKind, FakeClock } from "@aiko/mqtt/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { writePacket } from "../../src/codec/encode.ts";
import { ServerPacketStream } from "../../src/codec/server-packet-stream.ts";
import type { Transport, TransportListener } from "../../src/platform/transport.ts";
import { clockKinds } from "../testing/clock-kinds.ts";

/** A transport and an owner with one log, which shows the order of the events between them. */
class Bench implements Transport, ConnectionOwner {
  readonly log: string[] = [];
  readonly clock: FakeClock;
  readonly network: NetworkConnection;
  listener: TransportListener | undefined;
  /** The return value of `write`. */
  room = true;
  /** The owner's answers about time. */
  due = Infinity;
  alive: (now: number) => boolean = () => true;
  durable: (() => Promise<void> | undefined) | undefined;
  /** What the owner's callbacks do in addition to being logged. */
  readonly react: Record<string, (() => void) | undefined> = {};

  constructor(kind: ClockKind) {
    this.clock = new FakeClock(undefined, kind);
    this.network = new NetworkConnection(this, this.clock, new ServerPacketStream(5), this);
    this.network.start();
  }

  ping(count = 1): void {
    for (let i = 0; i < count; i++) writePacket(this.network.out, { type: "pingreq" }, 5);
    this.network.touch();
  }

  take(): string[] {
    return this.log.splice(0);
  }

  start(listener: TransportListener): void {
    this.listener = listener;
  }
  write(bytes: Uint8Array): boolean {
    this.say(`write ${bytes.length}`, "write");
    return this.room;
  }
  pause(): void {
    this.say("pause");
  }
  resume(): void {
    this.say("resume");
  }
  end(): void {
    this.say("end");
  }
  destroy(): void {
    this.say("destroy");
  }

  deadline(): number {
    return this.due;
  }
  advance(now: number, sure: boolean): boolean {
    this.say(sure ? "advance again" : "advance");
    return this.alive(now);
  }
  packetReceived(packet: { type: string }): void {
    this.say(packet.type, "packetReceived");
  }
  bytesReceived(): void {
    this.say("bytesReceived");
  }
  beforeFlush(): Promise<void> | undefined {
    this.say("beforeFlush");
    return this.durable?.();
  }
  flushed(): void {
    this.say("flushed");
  }
  drained(): void {
    this.say("drained");
  }
  failed(error: unknown): void {
    this.say(`failed ${error instanceof Error ? error.message : error}`, "failed");
  }
  closed(error: Error | undefined): void {
    this.say(`closed ${error?.message ?? "in order"}`, "closed");
  }

  private say(what: string, event = what): void {
    this.log.push(what);
    this.react[event]?.();
  }
}

describe.each(clockKinds)("on a clock of the kind %s:", (_, kind) => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench(kind);
  });

  /** A promise of durability that the test resolves or rejects. */
  function pledge(): { keep: () => void; breach: (error: unknown) => void } {
    let keep = () => {};
    let breach = (_: unknown) => {};
    bench.durable = () => {
      bench.durable = undefined;
      return new Promise((resolve, reject) => {
        keep = resolve;
        breach = reject;
      });
    };
    return { keep: () => keep(), breach: (error) => breach(error) };
  }

  describe("written bytes", () => {
    test("are handed over in one write at the end of the tick", () => {
      bench.ping();
      bench.ping(2);
      bench.ping();
      expect(bench.take()).toEqual([]);
      bench.clock.settle();
      expect(bench.take()).toEqual(["beforeFlush", "write 8", "flushed"]);
      bench.clock.settle();
      expect(bench.take()).toEqual([]);
    });

    test("are handed over in the next tick's write if they come later", () => {
      bench.ping();
      bench.clock.settle();
      bench.ping(2);
      bench.clock.settle();
      expect(bench.take().filter((line) => line.startsWith("write"))).toEqual(["write 2", "write 4"]);
    });

    test("are sent early from 64 KiB on, and nothing is sent twice", () => {
      bench.network.out.append(new Uint8Array(65_536));
      bench.network.touch();
      expect(bench.take()).toEqual(["beforeFlush", "write 65536", "flushed"]);
      bench.ping();
      bench.network.out.append(new Uint8Array(70_000));
      bench.network.touch();
      expect(bench.take()).toEqual(["beforeFlush", "write 2", "write 70000", "flushed"]);
      bench.clock.settle();
      expect(bench.take()).toEqual([]);
    });

    test("wait until earlier records are durable, and later bytes wait for their own records", async () => {
      const first = pledge();
      bench.ping();
      bench.clock.settle();
      expect(bench.take()).toEqual(["beforeFlush"]);
      bench.ping(2);
      await bench.clock.tick();
      expect(bench.take()).toEqual([]);
      const second = pledge();
      first.keep();
      await bench.clock.tick();
      expect(bench.take()).toEqual(["write 2", "flushed", "beforeFlush", "drained"]);
      second.keep();
      await bench.clock.tick();
      expect(bench.take()).toEqual(["write 4", "flushed", "drained"]);
    });

    test("are never sent if their records could not be made durable", async () => {
      const { breach } = pledge();
      bench.ping();
      await bench.clock.tick();
      breach(new Error("disk full"));
      await bench.clock.tick();
      expect(bench.take()).toEqual(["beforeFlush", "failed disk full"]);
    });

    test("are counted by the number of times the buffer was emptied", () => {
      expect(bench.network.takes).toBe(0);
      bench.ping();
      bench.clock.settle();
      expect(bench.network.takes).toBe(1);
    });
  });

  describe("back-pressure", () => {
    test("of the transport: congested from a write that returns false until onDrain", () => {
      bench.room = false;
      bench.ping();
      bench.clock.settle();
      expect(bench.network.congested).toBe(true);
      bench.room = true;
      bench.ping();
      bench.take();
      bench.listener?.onDrain();
      expect(bench.take()).toEqual(["flushed", "beforeFlush", "write 2", "flushed", "drained"]);
      expect(bench.network.congested).toBe(false);
    });

    test("bytes count as flushed when the transport has room again: payloads may change from then on", () => {
      bench.room = false;
      bench.ping();
      bench.clock.settle();
      expect(bench.take()).toEqual(["beforeFlush", "write 2"]);
      bench.room = true;
      bench.listener?.onDrain();
      expect(bench.take()).toEqual(["flushed", "drained"]);
    });

    test("of the transport: not drained if the next write fills it again", () => {
      bench.room = false;
      bench.ping();
      bench.clock.settle();
      bench.ping();
      bench.take();
      bench.listener?.onDrain();
      expect(bench.take()).toEqual(["flushed", "beforeFlush", "write 2"]);
      expect(bench.network.congested).toBe(true);
    });

    test("holds written bytes until there is room", () => {
      bench.room = false;
      bench.ping();
      bench.clock.settle();
      bench.take();
      bench.network.out.append(new Uint8Array(70_000));
      bench.network.touch();
      bench.clock.settle();
      expect(bench.take()).toEqual([]);
      bench.room = true;
      bench.network.onDrain();
      expect(bench.take()).toEqual(["flushed", "beforeFlush", "write 70000", "flushed", "drained"]);
    });

    test("of a peer that sends and does not read ends the connection before its answers accumulate", () => {
      bench.room = false;
      bench.ping();
      bench.clock.settle();
      bench.take();
      for (let i = 0; i < 20; i++) {
        bench.network.out.append(new Uint8Array(65_536));
        bench.network.touch();
      }
      expect(bench.take()[0]).toContain("does not read");
    });

    test("of the store: congested with 64 KiB behind a write that is not durable yet, drained afterwards", async () => {
      const { keep } = pledge();
      bench.ping();
      bench.clock.settle();
      expect(bench.network.congested).toBe(false);
      bench.network.out.append(new Uint8Array(65_536));
      bench.network.touch();
      expect(bench.network.congested).toBe(true);
      keep();
      await bench.clock.tick();
      expect(bench.network.congested).toBe(false);
      expect(bench.take()).toEqual([
        "beforeFlush",
        "write 2",
        "flushed",
        "beforeFlush",
        "write 65536",
        "flushed",
        "drained",
      ]);
    });

    test("towards the peer is passed on", () => {
      bench.network.pause();
      bench.network.resume();
      expect(bench.take()).toEqual(["pause", "resume"]);
    });
  });

  describe("received bytes", () => {
    const pings = (count: number) => new Uint8Array(count * 2).map((_, i) => (i % 2 === 0 ? 0xd0 : 0));

    test("are reported as bytes, then as packets, also in pieces", () => {
      bench.listener?.onBytes(pings(2));
      bench.listener?.onBytes(Uint8Array.of(0xd0));
      bench.listener?.onBytes(Uint8Array.of(0x00));
      expect(bench.take()).toEqual([
        "bytesReceived",
        "pingresp",
        "pingresp",
        "bytesReceived",
        "bytesReceived",
        "pingresp",
      ]);
    });

    test("that are not a valid packet end in failed, after the packets before them", () => {
      bench.listener?.onBytes(Uint8Array.of(0xd0, 0, 0, 0));
      expect(bench.take()).toEqual(["bytesReceived", "pingresp", expect.stringMatching(/^failed packet type 0/)]);
    });

    test.each(["packetReceived", "bytesReceived"])("end in failed if the owner throws at %s", (event) => {
      bench.react[event] = () => {
        throw new Error("mine");
      };
      bench.listener?.onBytes(pings(1));
      expect(bench.take().at(-1)).toBe("failed mine");
    });

    test("are not reported after the owner has ended the connection", () => {
      bench.react["packetReceived"] = () => bench.network.end();
      bench.listener?.onBytes(pings(3));
      bench.listener?.onBytes(pings(3));
      expect(bench.take()).toEqual(["bytesReceived", "pingresp", "end"]);
    });
  });

  describe("an error that the owner throws elsewhere ends in failed, and never in the platform:", () => {
    const throwing = () => {
      throw new Error("mine");
    };

    test.each(["beforeFlush", "flushed"])("%s", (event) => {
      bench.react[event] = throwing;
      bench.ping();
      bench.clock.settle();
      expect(bench.take().at(-1)).toBe("failed mine");
    });

    test("drained", () => {
      bench.react["drained"] = throwing;
      bench.listener?.onDrain();
      expect(bench.take()).toEqual(["drained", "failed mine"]);
    });

    test("flushed, after a wait", async () => {
      bench.react["flushed"] = throwing;
      const { keep } = pledge();
      bench.ping();
      await bench.clock.tick();
      keep();
      await bench.clock.tick();
      expect(bench.take()).toEqual(["beforeFlush", "write 2", "flushed", "failed mine", "drained"]);
    });
  });

  describe("the owner's deadline", () => {
    test("is checked when it is due, with one timer", () => {
      bench.due = bench.clock.now() + 1_000;
      bench.network.watch();
      bench.network.watch();
      bench.alive = (now) => {
        bench.due = now + 500;
        return true;
      };
      bench.clock.run(2_000);
      expect(bench.take()).toEqual(["advance", "advance", "advance"]);
    });

    test("is checked a second time, after the bytes in the socket, before the owner may act on silence", () => {
      bench.due = bench.clock.now() + 1_000;
      bench.network.watch();
      bench.alive = () => false;
      const { clock } = bench;
      clock.schedule(1_000, () => {
        bench.listener?.onBytes(Uint8Array.of(0xd0, 0));
        bench.due = Infinity;
        bench.alive = () => true;
      });
      clock.run(2_000);
      expect(bench.take()).toEqual(["advance", "bytesReceived", "pingresp", "advance again"]);
    });

    test("is observed if a write made it earlier", () => {
      bench.due = bench.clock.now() + 60_000;
      bench.network.watch();
      bench.ping();
      bench.due = bench.clock.now() + 1_000;
      bench.clock.settle();
      bench.take();
      bench.clock.run(999);
      expect(bench.take()).toEqual([]);
      bench.alive = () => {
        bench.due = Infinity;
        return true;
      };
      bench.clock.run(1);
      expect(bench.take()).toEqual(["advance"]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test.each([
      ["end", () => bench.network.end()],
      ["destroy", () => bench.network.destroy()],
      ["a transport that closes", () => bench.listener?.onClose()],
    ])("has no effect after %s", (_, over) => {
      bench.due = bench.clock.now() + 1_000;
      bench.network.watch();
      over();
      bench.network.watch();
      bench.clock.run(2_000);
      expect(bench.take().filter((each) => each.startsWith("advance"))).toEqual([]);
    });
  });

  describe("the end of a connection", () => {
    test("end sends written bytes, ends the transport, and closes it if the peer does not follow within 50 ms", () => {
      bench.ping();
      bench.network.end();
      bench.network.end();
      expect(bench.network.isOpen).toBe(false);
      expect(bench.take()).toEqual(["beforeFlush", "write 2", "flushed", "end"]);
      bench.clock.run(49);
      expect(bench.take()).toEqual([]);
      bench.clock.run(1);
      expect(bench.take()).toEqual(["destroy"]);
      bench.listener?.onClose();
      expect(bench.take()).toEqual(["closed in order"]);
    });

    test("a peer that follows is not cut off", () => {
      bench.network.end();
      bench.listener?.onClose();
      bench.clock.run(1000);
      expect(bench.take()).toEqual(["end", "closed in order"]);
    });

    test("end waits for records that must be durable first", async () => {
      const { keep } = pledge();
      bench.ping();
      bench.network.end();
      bench.clock.settle();
      expect(bench.take()).toEqual(["beforeFlush"]);
      keep();
      await bench.clock.tick();
      expect(bench.take()).toEqual(["write 2", "flushed", "end"]);
    });

    test("end waits until all bytes are sent", async () => {
      const first = pledge();
      bench.ping();
      bench.clock.settle();
      bench.ping(2);
      bench.network.end();
      const second = pledge();
      first.keep();
      await bench.clock.tick();
      expect(bench.take()).toEqual(["beforeFlush", "write 2", "flushed", "beforeFlush"]);
      second.keep();
      await bench.clock.tick();
      expect(bench.take()).toEqual(["write 4", "flushed", "end"]);
    });

    test("destroy closes at once and sends nothing more, not even bytes that wait for a record", async () => {
      const { keep } = pledge();
      bench.ping();
      bench.clock.settle();
      bench.ping();
      bench.network.destroy();
      bench.network.destroy();
      bench.network.end();
      keep();
      await bench.clock.tick();
      bench.listener?.onDrain();
      bench.listener?.onBytes(Uint8Array.of(0xd0, 0));
      expect(bench.take()).toEqual(["beforeFlush", "destroy"]);
      bench.listener?.onClose();
      expect(bench.take()).toEqual(["closed in order"]);
    });

    test("destroy after end closes at once", () => {
      bench.network.end();
      bench.network.destroy();
      bench.clock.run(1000);
      expect(bench.take()).toEqual(["end", "destroy"]);
    });

    test("a store that fails after destroy has no effect", async () => {
      const { breach } = pledge();
      bench.ping();
      await bench.clock.tick();
      bench.network.destroy();
      breach(new Error("disk full"));
      await bench.clock.tick();
      expect(bench.take()).toEqual(["beforeFlush", "destroy"]);
    });

    test("no callback is called after closed", async () => {
      const { keep } = pledge();
      bench.ping();
      await bench.clock.tick();
      bench.take();
      bench.listener?.onClose(new Error("reset"));
      bench.listener?.onClose();
      bench.listener?.onBytes(Uint8Array.of(0xd0, 0));
      bench.listener?.onDrain();
      bench.ping();
      bench.network.end();
      bench.network.destroy();
      keep();
      await bench.clock.advance(1000);
      expect(bench.take()).toEqual(["closed reset"]);
    });

    test("a transport that closes during a write is not reported as flushed", () => {
      bench.react["write"] = () => bench.listener?.onClose(new Error("reset"));
      bench.ping();
      bench.clock.settle();
      expect(bench.take()).toEqual(["beforeFlush", "write 2", "closed reset"]);
    });
  });
});

describe("with a clock that has soon", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench(CLOCK_KINDS.node);
  });

  /** Writes, and returns whether that was sent after the promise callbacks, before the end of the tick. */
  async function leavesEarly(length = 2): Promise<boolean> {
    bench.network.out.append(new Uint8Array(length));
    bench.network.touch();
    expect(bench.take()).toEqual([]);
    await undefined;
    return bench.take().length > 0;
  }

  test("bytes that are written together are sent together, between the promises", async () => {
    bench.ping();
    bench.ping();
    await undefined;
    expect(bench.take()).toEqual(["beforeFlush", "write 4", "flushed"]);
    bench.clock.settle();
    expect(bench.take()).toEqual([]);
  });

  test("bytes after a flush of more than 1,024 bytes are sent at the end of the tick", async () => {
    expect(await leavesEarly(1_024)).toBe(true);
    expect(await leavesEarly(1_025)).toBe(true);
    expect(await leavesEarly()).toBe(false);
    bench.clock.settle();
    expect(bench.take()).toContain("write 2");
    expect(await leavesEarly()).toBe(true);
  });

  test.each([
    ["the end of a tick", () => bench.clock.settle()],
    ["bytes of the peer", () => bench.listener?.onBytes(Uint8Array.of(0xd0, 0))],
  ])("16 flushes in a row are early, and after %s another 16", async (_, allow) => {
    for (let i = 0; i < 16; i++) expect(await leavesEarly()).toBe(true);
    expect(await leavesEarly()).toBe(false);
    allow();
    bench.clock.settle();
    bench.take();
    for (let i = 0; i < 16; i++) expect(await leavesEarly()).toBe(true);
    expect(await leavesEarly()).toBe(false);
  });

  describe("and a transport that can be corked", () => {
    beforeEach(() => {
      Object.assign(bench, { cork: () => bench.log.push("cork"), uncork: () => bench.log.push("uncork") });
    });

    async function startCollecting(): Promise<void> {
      for (let i = 0; i < 16; i++) expect(await leavesEarly()).toBe(true);
      bench.ping();
      await undefined;
    }

    test("all flushes of a tick are early, and those after the 16th are collected until its end", async () => {
      await startCollecting();
      expect(bench.take()).toEqual(["cork", "beforeFlush", "write 2", "flushed"]);
      for (let i = 0; i < 100; i++) expect(await leavesEarly()).toBe(true);
      bench.clock.settle();
      expect(bench.take()).toEqual(["uncork"]);
      for (let i = 0; i < 16; i++) expect(await leavesEarly()).toBe(true);
      expect(bench.take()).toEqual([]);
    });

    test("nothing is written while the transport has no room", async () => {
      await startCollecting();
      bench.take();
      bench.room = false;
      expect(await leavesEarly()).toBe(true);
      expect(await leavesEarly()).toBe(false);
      bench.clock.settle();
      expect(bench.take()).toEqual(["uncork"]);
      bench.room = true;
      bench.listener?.onDrain();
      expect(bench.take()).toContain("write 2");
    });

    test("a connection that ended meanwhile is not uncorked", async () => {
      await startCollecting();
      bench.network.destroy();
      bench.take();
      bench.clock.settle();
      expect(bench.take()).toEqual([]);
    });
  });
});

describe("the memory of written bytes", () => {
  /** Writes three bytes and returns the memory that the transport received them in. */
  function written(bench: Bench): ArrayBufferLike {
    let memory: ArrayBufferLike = new ArrayBuffer(0);
    bench.write = (bytes) => {
      memory = bytes.buffer;
      return true;
    };
    bench.network.out.bytes.fill(1, bench.network.out.reserve(3));
    bench.network.touch();
    bench.clock.settle();
    return memory;
  }

  test.each([
    ["is used again if the transport has released it", true],
    ["is not used again if the transport may still read it", false],
  ])("%s", (_, released) => {
    const bench = new Bench(CLOCK_KINDS.node);
    Object.assign(bench, { released });
    const places = new Set<number>();
    for (let i = 0; i < 20; i++) {
      written(bench);
      places.add(bench.network.out.reserve(0));
    }
    expect(places.size > 1).toBe(!released);
  });
});

describe("messages that waited for room", () => {
  test("are written together if they have large payloads by reference", () => {
    const bench = new Bench(CLOCK_KINDS.node);
    bench.react["drained"] = () => {
      for (let i = 0; i < 3; i++) {
        bench.network.out.append(new Uint8Array(65_536));
        bench.network.touch();
      }
    };
    bench.listener?.onDrain();
    expect(bench.take()).toEqual(["drained", "beforeFlush", "write 65536", "write 65536", "write 65536", "flushed"]);
  });
});
