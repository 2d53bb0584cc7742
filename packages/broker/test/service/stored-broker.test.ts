// The directory of a broker, read and copied while the broker runs.
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { BrokerService, backUpStore, readStoreContents } from "@aiko/mqtt-broker/service";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { readBrokerConfiguration } from "../../src/service/read-broker-configuration.ts";
import { storeContents } from "../../src/service/store-contents.ts";
import { options } from "./samples.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiko-stored-"));
  return () => rm(folder, { recursive: true });
});

async function started(dir: string): Promise<BrokerService> {
  const text = `[[listener]]\nurl = "mqtt://127.0.0.1:0"\n[persistence]\ndir = "${dir}"\n[sys]\ninterval = 0\n`;
  const { configuration } = readBrokerConfiguration(text, options);
  if (configuration === undefined) throw new Error("not read");
  const service = await BrokerService.start(configuration, { log: () => undefined });
  onTestFinished(() => service.stop());
  return service;
}

/** A broker with a session that two messages wait for, and one retained message. */
async function filled(dir: string): Promise<BrokerService> {
  const service = await started(dir);
  const url = service.urls[0] ?? "";
  const properties = { sessionExpiryInterval: 3_600 };
  const will = { topic: "w", qos: 1 } as const;
  const reader = await connect(url, { clientId: "reader", cleanStart: false, properties, will });
  await reader.subscribe("a/#", { qos: 1, onMessage: () => undefined });
  await reader.disconnect();
  const writer = await connect(url, { clientId: "writer" });
  await writer.publish("a/1", "four", { qos: 1, retain: true, properties: { messageExpiryInterval: 3_600 } });
  await writer.publish("a/2", "", { qos: 2 });
  await writer.disconnect();
  return service;
}

test("lists sessions with their queues, and retained messages, while the broker runs", async () => {
  const dir = join(folder, "sessions");
  await filled(dir);
  expect(await readStoreContents(dir)).toEqual({
    records: expect.any(Number),
    bytes: expect.any(Number),
    unusable: 0,
    sessions: [
      {
        clientId: "reader",
        identity: undefined,
        version: "5.0",
        expiry: 3_600,
        endedAt: expect.stringMatching(/^20\d\d-.*Z$/),
        willTopic: undefined,
        subscriptions: [{ topicFilter: "a/#", qos: 1 }],
        queue: { count: 2, bytes: 10, inFlight: 0 },
      },
    ],
    retained: [
      { topic: "a/1", qos: 1, bytes: 4, expiresAt: expect.stringMatching(/^20\d\d-.*Z$/), publisher: "writer" },
    ],
  });
});

test("a copy that is made while the broker runs is a directory that a broker starts with", async () => {
  const [dir, target] = [join(folder, "sessions"), join(folder, "backup")];
  await filled(dir);
  const { records, bytes } = await backUpStore(dir, target);
  const original = await readStoreContents(dir);
  expect({ records, bytes }).toEqual({ records: original.records, bytes: original.bytes });
  expect(await readStoreContents(target)).toEqual(original);
  expect(readdirSync(folder).sort()).toEqual(["backup", "sessions"]);
  const { broker } = await started(target);
  expect(broker.clients.get("reader")?.queued.count).toBe(2);
  expect(broker.statistics.retainedMessages).toBe(1);
});

test("copies taken under load have every message that was acknowledged before", async () => {
  const dir = join(folder, "sessions");
  const service = await filled(dir);
  const writer = await connect(service.urls[0] ?? "");
  let acknowledged = 0;
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      await writer.publish("a/load", "x", { qos: 1 });
      acknowledged++;
    }
  })();
  for (let i = 0; i < 10; i++) {
    const before = acknowledged;
    const target = join(folder, `backup-${i}`);
    await backUpStore(dir, target);
    const { sessions, unusable } = await readStoreContents(target);
    expect(unusable).toBe(0);
    expect(sessions[0]?.queue.count).toBeGreaterThanOrEqual(before + 2);
  }
  isOver = true;
  await load;
  await writer.disconnect();
});

test("does not replace what is at the target, and leaves nothing there if it fails", async () => {
  const dir = join(folder, "sessions");
  await filled(dir);
  mkdirSync(join(folder, "taken"));
  await expect(backUpStore(dir, join(folder, "taken"))).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining("exists already"),
  });
  await expect(backUpStore(dir, join(folder, "none", "backup"))).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(readdirSync(folder).sort()).toEqual(["sessions", "taken"]);
});

test("a directory without sessions of a broker is an error", async () => {
  const message = expect.stringContaining("contains no sessions of a broker");
  await expect(readStoreContents(folder)).rejects.toMatchObject({ code: "STORE_FAILED", message });
  await expect(backUpStore(join(folder, "none"), join(folder, "b"))).rejects.toMatchObject({ message });
});

test("a damaged record is counted, and does not hide the others", async () => {
  const dir = join(folder, "sessions");
  const service = await filled(dir);
  await service.stop();
  const before = await readStoreContents(dir);
  const name = readdirSync(dir).find((each) => each.endsWith(".journal")) ?? "";
  const bytes = readFileSync(join(dir, name));
  appendFileSync(join(dir, name), bytes.subarray(0, 10)); // the beginning of a write
  expect(await readStoreContents(dir)).toEqual(before);
  writeFileSync(join(dir, name), bytes);
  expect(storeContents([{ key: 1, value: new Uint8Array([99]) }])).toMatchObject({ records: 1, bytes: 1, unusable: 1 });
});
