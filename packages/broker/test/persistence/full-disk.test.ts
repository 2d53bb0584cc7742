// A real file system that runs full under load: publishers learn it, nothing acknowledged is lost, and the broker resumes
// when there is room.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient, type QoS, RefusedError } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { DiskStore } from "@aiko/mqtt-store";
import { describe, expect, onTestFinished, test } from "vitest";

/** Of a publisher. Together, they take more than what another file leaves of the file system. */
const COUNT = 1_500;
const SIZE = 2_000;

/** Publishes, four at a time, until each message is accepted. Returns how many times one was refused. */
async function publishAll(url: string, clientId: string, qos: QoS, accepted: string[]): Promise<number> {
  const client = createClient(url, { clientId, reconnect: { initialDelay: 10, maximumDelay: 50 } });
  await client.connect();
  let refused = 0;
  const numbers = Array.from({ length: COUNT }, (_, i) => i)[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const i of numbers) {
      const name = `${clientId} ${i}`;
      for (let isAccepted = false; !isAccepted; ) {
        try {
          await client.publish("t", `${name} `.padEnd(SIZE, "x"), { qos });
          accepted.push(name);
          isAccepted = true;
        } catch (error) {
          if (!(error instanceof RefusedError) || error.reasonCode !== 0x97) throw error;
          refused++;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  await client.disconnect();
  return refused;
}

/** A subscriber with a stored session. Lists the first word pairs of what it has received. */
function subscriber(url: string, clientId: string, received: string[]): Client {
  const client = createClient(url, {
    clientId,
    cleanStart: false,
    properties: { sessionExpiryInterval: 3_600 },
    reconnect: { initialDelay: 10, maximumDelay: 50 },
  });
  const onMessage = (message: { text(): string }): void => {
    received.push(message.text().split(" ").slice(0, 2).join(" "));
  };
  void client.subscribe("t", { qos: 2, onMessage }).catch(() => undefined);
  return client;
}

/** Mounts a file system of this size. Returns its directory. */
function mounted(size: string, skip: (condition: boolean, note: string) => void): string {
  const directory = mkdtempSync(join(tmpdir(), "aiko-full-"));
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory], {
    encoding: "utf8",
  });
  onTestFinished(() => {
    if (status === 0) spawnSync("umount", ["-l", directory]);
    rmSync(directory, { recursive: true });
  });
  skip(status !== 0, `mount is not permitted here: ${stderr}`);
  return directory;
}

/** Fills the disk for a reader that is away. `makeRoom` is called when messages are refused. */
async function fill(directory: string, makeRoom: () => void): Promise<void> {
  const store = new DiskStore(join(directory, "store"), { toleratedWaste: 100_000 });
  const broker = await Broker.listen({ port: 0, store, outboxInMemory: { maximumCount: 20 } });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const failures: string[] = [];
  let recoveries = 0;
  broker.on("storeFailed", ({ error }) => failures.push(error.code));
  broker.on("storeRecovered", () => recoveries++);

  const received: string[] = [];
  const first = subscriber(url, "reader", received);
  await first.connect();
  await expect.poll(() => broker.statistics.subscriptions).toBe(1);
  await first.disconnect();

  const accepted: string[] = [];
  const publishing = ([1, 2] as const).map((qos) => publishAll(url, `publisher${qos}`, qos, accepted));
  await expect.poll(() => failures.length).toBeGreaterThan(0);
  const whileFull = accepted.length;
  expect(whileFull).toBeGreaterThan(100);
  expect(whileFull * SIZE).toBeLessThan(2 * 2 ** 20);

  makeRoom();
  const second = subscriber(url, "reader", received);
  await second.connect();
  const refused = await Promise.all(publishing);
  await expect.poll(() => new Set(received).size).toBe(2 * COUNT);
  expect(new Set(received)).toEqual(new Set(accepted));
  expect(accepted).toHaveLength(2 * COUNT);
  expect(received.filter((name) => name.startsWith("publisher2"))).toHaveLength(COUNT);
  expect(refused.reduce((sum, each) => sum + each)).toBeGreaterThan(0);
  expect(failures[0]).toBe("STORE_FULL");
  expect(recoveries).toBeGreaterThan(0);
  await second.disconnect();
  await broker.close();
}

describe("a disk that runs full refuses with 0x97, loses nothing acknowledged, and resumes", () => {
  test("when another program makes room", async ({ skip }) => {
    const directory = mounted("16m", skip);
    const filler = join(directory, "of another program");
    writeFileSync(filler, new Uint8Array(14 * 2 ** 20));
    await fill(directory, () => rmSync(filler));
  });

  test("when its readers take their messages", async ({ skip }) => {
    await fill(mounted("2m", skip), () => undefined);
  });
});
