// A store with records that no client wrote: damaged, or changed by others. The client reports this once, keeps the
// records, and is never blocked.
import type { OpenedSession, Store, StoreChange, StoredSession } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, watch } from "./bench.ts";

/** The records of an earlier process: two messages, and between them a record that is not a message. */
async function damaged(...alien: StoreChange[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = new Bench().create({ store });
  for (const text of ["one", "two"]) watch(first.publish("t", text, { qos: 1 }));
  await new Promise((resolve) => setImmediate(resolve));
  await first.disconnect();
  const { session } = await store.open("c1");
  await session.write(alien);
  await session.close();
  return store;
}

const alien = { key: 7, value: Uint8Array.of(1, 2, 3) };
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

describe("a stored record that is not valid", () => {
  test("rejects connect once with STORE_CORRUPT, is set aside, and the rest is used", async () => {
    const store = await damaged(alien);
    const bench = new Bench();
    const client = bench.create({ store });
    await expect(client.connect()).rejects.toMatchObject({
      name: "StoreError",
      code: "STORE_CORRUPT",
      message: expect.stringMatching(
        /record 7 of session "c1" cannot be read: .* set aside under the key 4503599627370496/,
      ),
    });
    const peer = await bench.connected(client, { sessionPresent: true });
    for (const expected of ["one", "two"]) {
      const { payload, packetIdentifier } = await peer.expect("publish");
      expect(text(payload)).toBe(expected);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    await bench.passing(client.disconnect());
    expect((await recordsOf(store)).filter(({ key }) => key < 2 ** 48 || key >= 2 ** 52)).toEqual([
      { key: 2 ** 52, value: alien.value },
    ]);
  });

  test("is set aside in addition to earlier ones", async () => {
    const store = await damaged(
      alien,
      { key: 2 ** 52 + 3, value: Uint8Array.of(9) },
      { key: 8, value: Uint8Array.of(4) },
    );
    await expect(new Bench().create({ store }).connect()).rejects.toMatchObject({
      code: "STORE_CORRUPT",
      message: expect.stringContaining("(and 1 more)"),
    });
    const aside = (await recordsOf(store)).filter(({ key }) => key >= 2 ** 52);
    expect(aside.map(({ key, value }) => [key - 2 ** 52, value[0]])).toEqual([
      [3, 9],
      [4, 1],
      [5, 4],
    ]);
  });

  test.each(["publish", "stored"] as const)("rejects %s in the same way", async (call) => {
    const store = await damaged(alien);
    const client = new Bench().create({ store });
    const called = call === "publish" ? client.publish("t", "x", { qos: 1 }) : client.stored();
    await expect(called).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await client.disconnect();
    expect(await recordsOf(store)).toHaveLength(3); // the store is closed, and nothing is lost
  });

  test("stays in place, and is reported again, if it cannot be set aside", async () => {
    const inner = await damaged(alien);
    let failing = true;
    const store = storeAround(inner, (session) => ({
      write: (changes) => (failing ? Promise.reject(new Error("EIO")) : session.write(changes)),
    }));
    const client = new Bench().create({ store });
    for (let i = 0; i < 3; i++) {
      await expect(client.connect()).rejects.toMatchObject({
        code: "STORE_CORRUPT",
        message: expect.stringContaining("left in place"),
        cause: { message: "EIO" },
      });
    }
    failing = false;
    await expect(client.connect()).rejects.toMatchObject({ message: expect.stringContaining("set aside under") });
    expect(await recordsOf(inner)).toHaveLength(3);
  });
});

describe("a store whose session cannot be loaded", () => {
  test.each<[string, Partial<OpenedSession>, Partial<StoredSession>]>([
    ["invalid records, and it cannot be closed", {}, { close: () => Promise.reject(new Error("closed")) }],
    ["values that are not records", { records: [null] as never }, {}],
    ["no list", { records: undefined as never }, {}],
  ])("is closed: %s", async (_, opened, part) => {
    let closed = 0;
    const inner = storeAround(await damaged(alien), (session) => ({
      close: () => {
        closed++;
        return part.close?.() ?? session.close();
      },
    }));
    const store: Store = { open: async (name) => ({ ...(await inner.open(name)), ...opened }) };
    await expect(new Bench().create({ store }).connect()).rejects.toBeInstanceOf(Error);
    expect(closed).toBe(1);
  });
});
