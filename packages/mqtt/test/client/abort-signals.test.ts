import { describe, expect, test } from "vitest";
import { Bench, subscribed, watch } from "./bench.ts";

/** A signal that counts its listeners. */
function counting() {
  const controller = new AbortController();
  const { signal } = controller;
  const count = { added: 0, removed: 0 };
  return {
    count,
    abort: () => controller.abort(new Error("enough")),
    signal: {
      get aborted() {
        return signal.aborted;
      },
      get reason() {
        return signal.reason as unknown;
      },
      addEventListener(type: "abort", listener: () => void) {
        count.added++;
        signal.addEventListener(type, listener);
      },
      removeEventListener(type: "abort", listener: () => void) {
        count.removed++;
        signal.removeEventListener(type, listener);
      },
    },
  };
}

describe("many operations under one signal", () => {
  test("use one listener, and none when they are finished", async () => {
    const { bench, client, peer } = await new Bench().online();
    const { signal, count } = counting();
    for (let i = 0; i < 40_000; i++) watch(client.publish("a", "", { signal, qos: 1 }));
    watch(client.subscribe("b", { signal }));
    watch(client.request("c", "", { signal }));
    expect(count).toEqual({ added: 1, removed: 0 });
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    await bench.clock.advance(20_000);
    expect(count).toEqual({ added: 1, removed: 1 });
    expect(peer.isClosed).toBe(true);
  });

  test("all end when it aborts, each with its own promise", async () => {
    const bench = new Bench();
    const client = bench.create();
    const { signal, abort } = counting();
    const outcomes = Array.from({ length: 1_000 }, () => watch<unknown>(client.publish("a", "", { signal, qos: 1 })));
    outcomes.push(watch(client.subscribe("b", { signal })));
    abort();
    await bench.clock.tick();
    expect(outcomes.every(({ settled }) => settled === 1)).toBe(true);
    for (const { error } of outcomes) {
      expect(error).toMatchObject({ name: "AbortError", code: "ABORTED", cause: { message: "enough" } });
    }
    expect(client.statistics.pendingPublishes).toBe(0);
  });

  test("cause no warning of the runtime", async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on("warning", warned);
    try {
      const bench = new Bench();
      const client = bench.create();
      const { signal } = new AbortController();
      for (let i = 0; i < 50; i++) watch(client.publish("a", "", { signal, qos: 1 }));
      await new Promise(setImmediate); // the runtime emits warnings in its own tick
      await client.disconnect();
    } finally {
      process.off("warning", warned);
    }
    expect(warnings).toEqual([]);
  });
});

describe("a signal that has already aborted", () => {
  const signal = AbortSignal.abort(new Error("too late"));
  const aborted = { name: "AbortError", code: "ABORTED", cause: { message: "too late" } };

  test("ends connect before dialling", async () => {
    const bench = new Bench();
    await expect(bench.create().connect({ signal })).rejects.toMatchObject(aborted);
    expect(bench.dialled).toEqual([]);
  });

  test.each([true, false])(
    "ends publish, subscribe, unsubscribe and request without sending anything; online: %s",
    async (online) => {
      const bench = new Bench();
      const { client, peer } = online ? await bench.online() : { client: bench.create(), peer: undefined };
      if (peer) await subscribed(bench, client, peer, "a");
      for (const outcome of [
        client.publish("a", "", { signal }),
        client.publish("a", "", { signal, qos: 2 }),
        client.subscribe("a", { signal }),
        client.unsubscribe("a", { signal }),
        client.request("a", "", { signal }),
      ]) {
        await expect(outcome).rejects.toMatchObject(aborted);
      }
      await peer?.expectNothing();
      expect(client.statistics).toMatchObject({ pendingPublishes: 0, subscriptions: online ? 1 : 0 });
    },
  );
});
