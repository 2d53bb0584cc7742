// Wills that cause the end of other connections, whose wills cause further ones.
import { expect, test } from "vitest";
import { Bench } from "./bench.ts";

const bytes = new TextEncoder().encode("x");

test("a chain of wills in which each ends the next connection does not overflow the stack", async () => {
  const bench: Bench = new Bench({
    onPublish: ({ topic }) => {
      bench.hub.clientList.get(topic.slice("end/".length))?.disconnect();
      return true;
    },
  });
  const published: string[] = [];
  const errors: unknown[] = [];
  bench.hub.events.on("error", (error) => errors.push(error));
  bench.hub.events.on("published", ({ topic }) => published.push(topic));
  const count = 3_000;
  for (let i = 0; i < count; i++)
    await bench.connect(`${i}`, { will: { topic: `end/${i + 1}`, payload: bytes, qos: 0, retain: false } });
  bench.hub.clientList.get("0")?.disconnect();
  await bench.clock.settle();
  expect(published).toEqual(Array.from({ length: count }, (_, i) => `end/${i + 1}`));
  expect(bench.hub.connectionCount).toBe(0);
  expect(errors).toEqual([]);
});

test("two clients whose wills end each other are published once each", async () => {
  const bench: Bench = new Bench({
    onPublish: ({ topic }) => {
      bench.hub.clientList.get(topic.slice("end/".length))?.disconnect();
      return true;
    },
  });
  const published: string[] = [];
  bench.hub.events.on("published", ({ topic }) => published.push(topic));
  await bench.connect("a", { will: { topic: "end/b", payload: bytes, qos: 0, retain: false } });
  await bench.connect("b", { will: { topic: "end/a", payload: bytes, qos: 0, retain: false } });
  bench.hub.clientList.get("a")?.disconnect();
  await bench.clock.settle();
  expect(published).toEqual(["end/b", "end/a"]);
});
