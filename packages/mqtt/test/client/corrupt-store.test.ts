// A store that holds what no client wrote: damaged, or changed by others. It is reported once, kept, and never holds the client up.
import type { Store, StoreChange } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, watch } from "./bench.ts";
import { storeOver } from "./store-over.ts";

/** What an earlier process left: two messages, and between them a record that is not a message. */
async function damaged(...alien: StoreChange[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = new Bench().create({ store });
  for (const text of ["one", "two"]) watch(first.publish("t", text, { qos: 1 }));
  await new Promise((resolve) => setImmediate(resolve));
  await first.disconnect();
  await store.open("c1");
  await store.write(alien);
  await store.close();
  return store;
}

const alien = { key: 7, value: Uint8Array.of(1, 2, 3) };
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

describe("a stored record that is none", () => {
  test("rejects connect once with STORE_CORRUPT, is set aside, and the rest goes on", async () => {
    const store = await damaged(alien);
    const bench = new Bench();
    const client = bench.create({ store });
    await expect(client.connect()).rejects.toMatchObject({
      name: "StoreError",
      code: "STORE_CORRUPT",
      message: expect.stringMatching(
        /in "c1" the record 7 cannot be read: .* set aside under the key 4503599627370496/,
      ),
    });
    const peer = await bench.connected(client, { sessionPresent: true });
    for (const expected of ["one", "two"]) {
      const { payload, packetIdentifier } = await peer.expect("publish");
      expect(text(payload)).toBe(expected);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    await bench.passing(client.disconnect());
    expect((await store.open("c1")).filter(({ key }) => key < 2 ** 48 || key >= 2 ** 52)).toEqual([
      { key: 2 ** 52, value: alien.value },
    ]);
  });

  test("is set aside beside those that were before", async () => {
    const store = await damaged(
      alien,
      { key: 2 ** 52 + 3, value: Uint8Array.of(9) },
      { key: 8, value: Uint8Array.of(4) },
    );
    await expect(new Bench().create({ store }).connect()).rejects.toMatchObject({
      code: "STORE_CORRUPT",
      message: expect.stringContaining("(and 1 more)"),
    });
    const aside = (await store.open("c1")).filter(({ key }) => key >= 2 ** 52);
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
    expect(await store.open("c1")).toHaveLength(3); // the store is free, and nothing is lost
  });

  test("stays where it is, and is reported again, if it cannot be set aside", async () => {
    const inner = await damaged(alien);
    let failing = true;
    const store = storeOver(inner, {
      write: (changes) => (failing ? Promise.reject(new Error("EIO")) : inner.write(changes)),
    });
    const client = new Bench().create({ store });
    for (let i = 0; i < 3; i++) {
      await expect(client.connect()).rejects.toMatchObject({
        code: "STORE_CORRUPT",
        message: expect.stringContaining("left where it is"),
        cause: { message: "EIO" },
      });
    }
    failing = false;
    await expect(client.connect()).rejects.toMatchObject({ message: expect.stringContaining("set aside under") });
    expect(await inner.open("c1")).toHaveLength(3);
  });
});

describe("a store of which the session cannot be taken", () => {
  test.each<[string, (store: MemoryStore) => Partial<Store>]>([
    ["records that are none, and cannot be closed", () => ({ close: () => Promise.reject(new Error("closed")) })],
    ["records that are no records", () => ({ open: async () => [null] as never })],
    ["no list", () => ({ open: async () => undefined as never })],
  ])("is closed: %s", async (_, part) => {
    const inner = await damaged(alien);
    let closed = 0;
    const store = storeOver(inner, part(inner));
    const { close } = store;
    store.close = () => {
      closed++;
      return close();
    };
    await expect(new Bench().create({ store }).connect()).rejects.toBeInstanceOf(Error);
    expect(closed).toBe(1);
  });
});
