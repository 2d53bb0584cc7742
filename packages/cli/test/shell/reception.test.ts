// Which messages `sub` takes, and when they are enough.
import type { Client, Message } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Reception, type ReceptionOptions } from "../../src/shell/reception.ts";

const defaults: ReceptionOptions = {
  count: Infinity,
  retained: "too",
  filteredOut: [],
  removesRetained: false,
  share: 100,
  subscriptionIdentifier: undefined,
};
const client = { publish: async () => undefined } as unknown as Client;
const message = (topic: string, retain = false) => ({ topic, retain, properties: {} }) as unknown as Message;

function receive(options: Partial<ReceptionOptions>, deliver: () => Promise<unknown> | undefined = () => undefined) {
  const topics: string[] = [];
  const reception = new Reception(
    { ...defaults, ...options },
    {
      countsWhenDone: true,
      deliver({ topic }) {
        topics.push(topic);
        return deliver();
      },
    },
  );
  return {
    reception,
    topics,
    take: (topic: string, retain?: boolean) => reception.take(message(topic, retain), 0, client),
  };
}

async function state(promise: Promise<unknown> | undefined): Promise<string> {
  if (promise === undefined) return "done";
  return Promise.race([
    promise.then(() => "done"),
    new Promise((resolve) => setImmediate(resolve, "pending")),
  ]) as never;
}

test("after the last message, others are kept", async () => {
  const { reception, topics, take } = receive({ count: 1 });
  let isEnough = false;
  const enough = reception.enough(() => {
    isEnough = true;
  });
  expect(await state(take("a"))).toBe("done");
  expect(isEnough).toBe(true);
  await enough;
  expect(await state(take("b"))).toBe("pending");
  expect(topics).toEqual(["a"]);
});

test("a message counts when it is done", async () => {
  const ends: (() => void)[] = [];
  const { reception, take } = receive({ count: 2 }, () => new Promise<void>((resolve) => ends.push(resolve)));
  const enough = reception.enough(() => undefined);
  void take("a");
  void take("b");
  ends[1]?.();
  expect(await state(enough)).toBe("pending");
  ends[0]?.();
  expect(await state(enough)).toBe("done");
  expect(reception.isEnough).toBe(true);
});

test("messages that are ignored do not count", () => {
  const { topics, take } = receive({ count: 1, retained: "none", filteredOut: ["x/#"] });
  take("a", true);
  take("x/y");
  take("b");
  expect(topics).toEqual(["b"]);
});

test("with retained messages only, another one is the end", async () => {
  const { reception, topics, take } = receive({ retained: "only" });
  const enough = reception.enough(() => undefined);
  take("a", true);
  expect(await state(enough)).toBe("pending");
  take("b");
  expect(await state(enough)).toBe("done");
  expect(topics).toEqual(["a"]);
});

test("if the messages were enough before, the wait ends at once", async () => {
  const { reception, take } = receive({ count: 1 });
  take("a");
  expect(await state(reception.enough(() => undefined))).toBe("done");
});
