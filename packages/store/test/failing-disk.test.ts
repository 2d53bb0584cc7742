// A client on a failing disk: the errors that its publishers get, and the records that another process finds.
import { resolve } from "node:path";
import { type Client, connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { DiskStore } from "@aiko/mqtt-store";
import { expect, test } from "vitest";
import { recordsOf } from "../../../test/fixtures/stores.ts";
import { CrashingDisk, type Fault } from "./crashing-disk.ts";

const directory = resolve("d");
const options = { clientId: "kitchen", reconnect: { initialDelay: 1, maximumDelay: 5 } };

function errorCodes(client: Client): string[] {
  const codes: string[] = [];
  client.on("error", (error) => codes.push((error as { code?: string }).code ?? String(error)));
  return codes;
}

function failing(operation: string, fault: Fault) {
  return (_: number, what: string) => (what.startsWith(operation) ? fault : undefined);
}

test.each([1, 2] as const)("a full disk rejects messages of QoS %i, and accepts them when it has room", async (qos) => {
  await using broker = await Broker.listen({ port: 0 });
  const got: string[] = [];
  await using observer = await connect(broker.url);
  await observer.subscribe("t", { qos: 2, onMessage: (message) => void got.push(message.text()) });
  const disk = new CrashingDisk();
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
  const client = await connect(broker.url, { ...options, store });
  const errors = errorCodes(client);
  await client.publish("t", "1", { qos });
  disk.fault = failing("write", { fail: "ENOSPC", part: 0.5 });
  const refusal = { code: "STORE_FULL", cause: { code: "ENOSPC" } };
  await expect(client.publish("t", "2", { qos })).rejects.toMatchObject(refusal);
  await expect(client.publish("t", "3", { qos })).rejects.toMatchObject(refusal);
  disk.fault = () => undefined;
  await client.publish("t", "4", { qos });
  await client.disconnect();
  await expect.poll(() => got).toEqual(["1", "4"]);
  expect(new Set(errors)).toEqual(new Set(["STORE_FULL"]));
  expect(await recordsOf(store, "kitchen")).toEqual([]);
});

test("after a sync that failed every message is rejected, and another process continues", async () => {
  await using broker = await Broker.listen({ port: 0 });
  const disk = new CrashingDisk();
  const client = await connect(broker.url, {
    ...options,
    store: new DiskStore(directory, { fileSystem: disk.fileSystem }),
  });
  const errors = errorCodes(client);
  await client.publish("t", "1", { qos: 1 });
  disk.fault = failing("sync", { fail: "EIO" });
  await expect(client.publish("t", "2", { qos: 1 })).rejects.toMatchObject({ code: "STORE_FAILED" });
  disk.fault = () => undefined;
  await expect(client.publish("t", "3", { qos: 1 })).rejects.toMatchObject({ code: "STORE_FAILED" });
  await client.disconnect().catch((error: unknown) => expect(error).toMatchObject({ code: "STORE_FAILED" }));
  expect(new Set(errors)).toEqual(new Set(["STORE_FAILED"]));
  const store = new DiskStore(directory, { fileSystem: disk.fileSystem });
  const next = await connect(broker.url, { ...options, store });
  await next.publish("t", "4", { qos: 2 });
  await next.disconnect();
  expect(await recordsOf(store, "kitchen")).toEqual([]);
});
