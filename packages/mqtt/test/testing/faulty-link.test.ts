import { FakeClock, FaultyLink, type LinkFaults, randomFaults, SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import type { Transport, TransportListener } from "../../src/platform/transport.ts";

const address = { scheme: "mqtt", host: "server", port: 1883, path: "" } as const;
const signal = { aborted: false, addEventListener() {}, removeEventListener() {} };

class Log implements TransportListener {
  bytes: number[] = [];
  largest = 0;
  drains = 0;
  closed: Error | "in order" | undefined;
  constructor(readonly transport: Transport) {
    transport.start(this);
  }
  onBytes(bytes: Uint8Array): void {
    this.bytes.push(...bytes);
    this.largest = Math.max(this.largest, bytes.length);
  }
  onDrain(): void {
    this.drains++;
  }
  onClose(error?: Error): void {
    expect(this.closed).toBeUndefined();
    this.closed = error ?? "in order";
  }
}

function connected(faults: LinkFaults) {
  const clock = new FakeClock();
  let server: Log | undefined;
  const link = new FaultyLink(clock, (transport) => {
    server = new Log(transport);
  });
  const client = new Log(link.connect(faults));
  if (server === undefined) throw new Error("nothing was accepted");
  return { clock, link, client, server };
}

test("without faults it is an ordinary connection", async () => {
  const { clock, client, server } = connected({});
  client.transport.pause();
  client.transport.resume();
  client.transport.write(Uint8Array.of(1, 2));
  server.transport.write(new Uint8Array(70_000));
  server.transport.end();
  await clock.tick();
  expect(server.bytes).toEqual([1, 2]);
  expect(client.bytes).toHaveLength(70_000);
  expect([client.closed, server.closed]).toEqual(["in order", "in order"]);
});

test.each([0, 1, 4, 9])("a cut after %i bytes delivers exactly these bytes, and closes both ends", async (toServer) => {
  const { clock, client, server } = connected({ cut: { toServer } });
  client.transport.write(Uint8Array.of(1, 2, 3));
  client.transport.write(Uint8Array.of(4, 5, 6, 7, 8, 9, 10));
  await clock.tick();
  expect(server.bytes).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, toServer));
  expect(server.closed).toBeDefined();
  expect(client.closed).toBeInstanceOf(Error);
});

test("a cut in the other direction works the same", async () => {
  const { clock, client, server } = connected({ cut: { toClient: 2 } });
  server.transport.write(Uint8Array.of(1, 2, 3));
  await clock.tick();
  expect(client.bytes).toEqual([1, 2]);
  expect(client.closed).toBeDefined();
  expect(server.closed).toBeInstanceOf(Error);
});

test("a chunk size of 1 gives single bytes", async () => {
  const { clock, client, server } = connected({ chunkSize: 1, delay: 3 });
  client.transport.write(Uint8Array.of(1, 2, 3));
  await clock.advance(2);
  expect(server.bytes).toEqual([]);
  await clock.advance(1);
  expect(server.bytes).toEqual([1, 2, 3]);
  expect(server.largest).toBe(1);
});

test("half-open: bytes are dropped, and the receiver is not informed that the other end has closed", async () => {
  const { clock, client, server } = connected({ vanish: { toServer: 2 } });
  client.transport.write(Uint8Array.of(1, 2, 3));
  await clock.tick();
  client.transport.write(Uint8Array.of(4));
  client.transport.destroy();
  await clock.advance(100_000);
  expect(server.bytes).toEqual([1, 2]);
  expect(client.closed).toBe("in order");
  expect(server.closed).toBeUndefined();
});

test("half-open: an end that closes itself is informed, also if the other has closed before", async () => {
  const { clock, client, server } = connected({ vanish: { toServer: 0 } });
  client.transport.destroy();
  await clock.tick();
  server.transport.destroy();
  server.transport.destroy();
  await clock.tick();
  expect(server.closed).toBe("in order");
});

test("vanish and cut apply to open connections", async () => {
  const { clock, link, client, server } = connected({});
  link.vanish();
  client.transport.write(Uint8Array.of(1));
  server.transport.write(Uint8Array.of(1));
  await clock.tick();
  expect([client.bytes, server.bytes]).toEqual([[], []]);
  link.cut();
  await clock.tick();
  expect([client.closed, server.closed]).toEqual(["in order", "in order"]);
  link.cut();
});

test("each attempt has its own faults; a refused attempt rejects", async () => {
  const clock = new FakeClock();
  const accepted: Transport[] = [];
  const attempts: number[] = [];
  const link = new FaultyLink(
    clock,
    (server) => accepted.push(server),
    (attempt) => {
      attempts.push(attempt);
      return { refused: attempt === 0 };
    },
  );
  await expect(link.dial(address, signal)).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  await link.dial(address, signal);
  await expect(link.dial(address, { ...signal, aborted: true })).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  expect(accepted).toHaveLength(1);
  expect(attempts).toEqual([0, 1, 2]);
  expect(link.attempts).toBe(3);
});

test("random faults are the same for the same seed, and vary", () => {
  const drawn = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 30 }, () => randomFaults(random, 100));
  };
  expect(drawn(3)).toEqual(drawn(3));
  const directions = drawn(3).map(({ cut }) => Object.keys(cut ?? {}).join());
  expect(new Set(directions)).toEqual(new Set(["toClient", "toServer"]));
});

test("the server may be an object with the method accept", async () => {
  const server = {
    accepted: [] as Transport[],
    accept(transport: Transport): void {
      this.accepted.push(transport);
    },
  };
  const link = new FaultyLink(new FakeClock(), server);
  await link.platform.dial(address, signal, {} as never);
  expect(server.accepted).toHaveLength(1);
  expect(link.attempts).toBe(1);
});
