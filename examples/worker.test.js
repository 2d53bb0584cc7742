// @ts-check
// Tests worker.js. Workers, broker and network run in this process, on one clock that the tests advance. The tests use no port and do not wait.
//   node --test examples/worker.test.js
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@aiko/mqtt";
import { FakeClock, FaultyLink } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { startWorker } from "./worker.js";

/** A broker, a client that publishes jobs, and a function that starts workers whose jobs the test finishes. */
async function start() {
  const clock = new FakeClock();
  const broker = await Broker.listen({ listeners: [], clock });
  const boss = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform });
  await clock.until(boss.connect());
  /** @param {string[]} names */
  const order = (...names) =>
    clock.until(Promise.all(names.map((name) => boss.publish("jobs/kitchen", name, { qos: 1 }))));
  /** @param {string} name */
  async function hire(name) {
    /** @type {Map<string, (value?: unknown) => void>} the running jobs, each with the function that finishes it */
    const jobs = new Map();
    /** @param {import("@aiko/mqtt").Message} job */
    const work = (job) =>
      new Promise((resolve) => jobs.set(job.text(), resolve)).finally(() => jobs.delete(job.text()));
    let isAlive = true;
    const link = new FaultyLink(clock, broker, () => ({ refused: !isAlive }));
    const { platform } = link;
    const client = await clock.until(startWorker("mqtt://broker", name, work, { platform }));
    const kill = () => {
      isAlive = false;
      link.cut();
      return clock.until(client.disconnect({ drainTimeout: 0 })); // there is no connection, so the broker does not notice
    };
    return { client, jobs, link, kill };
  }
  return { clock, boss, order, hire };
}

test("does four jobs at a time, and the others after them", async () => {
  const { clock, order, hire } = await start();
  const { jobs } = await hire("ann");
  await order("a", "b", "c", "d", "e");
  assert.deepEqual([...jobs.keys()], ["a", "b", "c", "d"]);
  jobs.get("b")?.();
  await clock.tick();
  assert.deepEqual([...jobs.keys()], ["a", "c", "d", "e"]);
});

test("does a job again if it was killed before the job was done", async () => {
  const { clock, order, hire } = await start();
  const { jobs, kill } = await hire("ann");
  await order("a", "b");
  jobs.get("a")?.();
  await clock.tick();
  await kill();
  const next = await hire("ann");
  assert.deepEqual([...next.jobs.keys()], ["b"]);
});

test("leaves its jobs to another worker if it does not come back within an hour", async () => {
  const { clock, order, hire } = await start();
  const ann = await hire("ann");
  await order("a");
  const bob = await hire("bob");
  await ann.kill();
  await clock.advance(3_599_000);
  assert.deepEqual([...bob.jobs.keys()], []);
  await clock.advance(1_000);
  assert.deepEqual([...bob.jobs.keys()], ["a"]);
});

test("goes on after a lost connection", async () => {
  const { clock, order, hire } = await start();
  const { client, jobs, link } = await hire("ann");
  link.cut();
  await order("a");
  await clock.until(client.waitFor("connected"));
  assert.deepEqual([...jobs.keys()], ["a"]);
});

test("answers a request about its state, and others with an error", async () => {
  const { clock, boss, order, hire } = await start();
  const { jobs } = await hire("ann");
  await order("a", "b");
  jobs.get("a")?.();
  const answer = await clock.until(boss.request("workers/ann/state", ""));
  assert.deepEqual(answer.json(), { running: 1, done: 1 });
  await assert.rejects(clock.until(boss.request("workers/ann/mood", "")), {
    code: "REQUEST_FAILED",
    reasonString: "no answer to workers/ann/mood; request workers/ann/state",
  });
  await assert.rejects(clock.until(boss.request("workers/bob/state", "")), { code: "NO_RESPONDER" });
});

test("finishes the jobs at work before it ends, and leaves the others", async () => {
  const { clock, order, hire } = await start();
  const { client, jobs } = await hire("ann");
  await order("a", "b", "c", "d", "e");
  const ending = client.disconnect();
  for (const finish of jobs.values()) finish();
  await clock.until(ending);
  const next = await hire("ann");
  assert.deepEqual([...next.jobs.keys()], ["e"]);
});
