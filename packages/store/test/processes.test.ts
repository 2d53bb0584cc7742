// Real processes on a real disk, killed with SIGKILL.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type StoreRecord } from "@aiko/mqtt";
import { SessionJournal } from "@aiko/mqtt/session";
import { SeededRandom } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { DiskStore } from "@aiko/mqtt-store";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bundle } from "../../../test/fixtures/bundle.js";
import { Child } from "../../../test/fixtures/child.ts";
import { recordsOf } from "../../../test/fixtures/stores.ts";

let workshop: string;
let directory: string;
const programs = new Map<string, string>();
let places = 0;

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), "aiko-mqtt-store-"));
  for (const name of ["holding", "writing", "publishing"])
    programs.set(name, await bundle(new URL(`programs/${name}.ts`, import.meta.url), workshop));
});
afterAll(() => rmSync(workshop, { recursive: true }));
beforeEach(() => {
  directory = join(workshop, String(places++));
});

/** Runs one of the programs in programs/ in its own process. */
function start(name: string, ...args: string[]): Child {
  return new Child(name, process.execPath, [programs.get(name) ?? "", ...args]);
}

/** Kills it with SIGKILL. */
function kill(child: Child): Promise<void> {
  return child[Symbol.asyncDispose]();
}

describe("the lock", () => {
  test("of a running process holds, also while it is stopped, and is released when it is killed", async () => {
    const holder = start("holding", directory, "s");
    expect(await holder.saidLines(1)).toEqual(["open"]);
    const store = new DiskStore(directory);
    await expect(store.open("s")).rejects.toMatchObject({ code: "STORE_LOCKED" });
    expect(await recordsOf(store, "other")).toEqual([]);
    holder.kill("SIGSTOP");
    await expect(store.open("s")).rejects.toMatchObject({ code: "STORE_LOCKED" });
    await kill(holder);
    const { records, session } = await store.open("s");
    expect(records).toEqual([]);
    const second = start("holding", directory, "s");
    expect(await second.saidLines(1)).toEqual(["STORE_LOCKED"]);
    await second.ended();
    await session.close();
  });

  test("of a dead process is taken over by exactly one process, however many try", async () => {
    for (let round = 0; round < 3; round++) {
      const holder = start("holding", directory, "s");
      await holder.saidLines(1);
      await kill(holder);
      const rivals = Array.from({ length: 4 }, () => start("holding", directory, "s"));
      const stores = Array.from({ length: 20 }, () => new DiskStore(directory));
      const opening = stores.flatMap((store, i) => (i % 2 ? [store.open("s")] : [store.open("s"), store.open("s")]));
      const opened = await Promise.allSettled(opening);
      const said = await Promise.all(rivals.map((rival) => rival.saidLines(1)));
      const winners = [
        ...opened.filter(({ status }) => status === "fulfilled"),
        ...said.filter(([word]) => word === "open"),
      ];
      expect(winners).toHaveLength(1);
      const closing = opened.map(async (each) => each.status === "fulfilled" && each.value.session.close());
      await Promise.all([...rivals.map(kill), ...closing]);
    }
    const locks = readdirSync(directory).filter((name) => name.includes(".lock-"));
    expect(locks).toHaveLength(1);
  });
});

test("a process that is killed while it writes loses no acknowledged message", async () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 8; round++) {
    const writer = start("writing", directory);
    await writer.saidLines(50 + random.integer(400));
    await kill(writer);
    const acknowledged = Math.max(...writer.lines.slice(1).map(Number));
    const store = new DiskStore(directory);
    const { records, session } = await store.open("s");
    const last = Math.max(...records.map(({ key }) => key));
    expect(last).toBeGreaterThanOrEqual(acknowledged);
    expect(last - acknowledged).toBeLessThanOrEqual(3);
    // Not mixed: exactly the twenty records that batch `last` left.
    expect(records.map(({ key }) => key)).toEqual(Array.from({ length: 20 }, (_, i) => last - 19 + i));
    for (const { key, value } of records) {
      expect(value).toEqual(new Uint8Array(key % 700).fill(key));
    }
    await session.close();
  }
});

test.each([1, 2] as const)(
  "a client that is killed repeatedly publishes at QoS %i: nothing is lost, and at QoS 2 nothing arrives twice",
  async (qos) => {
    const count = 2_000;
    await using broker = await Broker.listen({ port: 0 });
    const got: number[] = [];
    await using observer = await connect(broker.url);
    await observer.subscribe("numbers", { qos: 2, onMessage: (message) => void got.push(Number(message.text())) });
    const random = new SeededRandom(qos);
    const promised = new Set<number>(); // acknowledged, or found in the store of the dead process
    let kills = 0;
    for (;;) {
      const publisher = start("publishing", broker.url, directory, String(qos), String(count));
      if (kills < 8) await publisher.saidLines(20 + random.integer(250));
      else await publisher.ended();
      const done = publisher.lines.includes("done");
      if (!done) kills++;
      await kill(publisher);
      for (const line of publisher.lines) if (+line > 0) promised.add(+line);
      const store = new DiskStore(directory);
      for (const n of numbersIn(await recordsOf(store, `kitchen${qos}`))) promised.add(n);
      if (done) break;
    }
    expect(kills).toBeGreaterThan(4);
    // "Done" was printed when all were acknowledged; messages that the observer has not received yet are in transit.
    await expect.poll(() => missing(got, promised)).toEqual([]);
    // A number that was counted but not yet in the store when the process died is not the store's responsibility: the
    // last of a window.
    expect(count - new Set(got).size).toBeLessThanOrEqual(kills * 20);
    if (qos === 2) expect(got.length).toBe(new Set(got).size);
    expect(await recordsOf(new DiskStore(directory), `kitchen${qos}`)).toEqual([]);
  },
);

/** The payloads of messages that a session keeps and that had no PUBREC: after PUBREC, the server has the payload. */
function numbersIn(records: readonly StoreRecord[]): number[] {
  const { messages } = new SessionJournal().load(records);
  return messages.map(({ packet }) => Number(new TextDecoder().decode(packet.payload))).filter((number) => number > 0);
}

function missing(got: readonly number[], wanted: ReadonlySet<number>): number[] {
  const there = new Set(got);
  return [...wanted].filter((n) => !there.has(n));
}
