// @ts-check
// examples/worker.test.js with MQTT.js and aedes. These cannot test:
// - four jobs at a time: aedes has no shared subscriptions, and each client of a worker would get each job
// - requests and their errors, and that jobs go to another worker after an hour: aedes has no MQTT 5
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import { startWorker } from "./worker.mqttjs.js";

/** A broker, a client that publishes jobs, and a function that starts workers whose jobs the test finishes. @param {import("node:test").TestContext} context */
async function start(context) {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the broker has no port");
  const url = `mqtt://127.0.0.1:${address.port}`;
  const boss = await mqtt.connectAsync(url);
  /** @type {{ end(force: boolean): unknown }[]} */
  const clients = [boss];
  context.after(async () => {
    for (const client of clients) client.end(true);
    await new Promise((resolve) => aedes.close(() => server.close(resolve)));
  });
  /** @param {string[]} names */
  const order = (...names) => Promise.all(names.map((name) => boss.publishAsync("jobs/kitchen", name, { qos: 1 })));
  /** @param {string} name */
  async function hire(name) {
    /** @type {Map<string, (value?: unknown) => void>} the running jobs, each with the function that finishes it */
    const jobs = new Map();
    /** @param {string} _ @param {string} text */
    const work = (_, text) => new Promise((resolve) => jobs.set(text, resolve)).finally(() => jobs.delete(text));
    const worker = await startWorker(url, name, work, {
      protocolVersion: 4,
      filter: "jobs/+",
      concurrency: 1,
      reconnectPeriod: 10,
    });
    clients.push(...worker.clients);
    const kill = () => worker.clients.map((client) => client.end(true));
    return { jobs, kill, ...worker };
  }
  return { order, hire };
}

/** Waits until exactly these jobs are running. @param {Map<string, unknown>} jobs @param {string[]} names */
async function working(jobs, ...names) {
  for (let i = 0; i < 100 && [...jobs.keys()].join() !== names.join(); i++) await sleep(10);
  await sleep(50); // for jobs that must not arrive
  assert.deepEqual([...jobs.keys()], names);
}

test("does a job again if it was killed before the job was done", async (context) => {
  const { order, hire } = await start(context);
  const { jobs, kill } = await hire("ann");
  await order("a", "b");
  await working(jobs, "a");
  jobs.get("a")?.();
  await working(jobs, "b");
  kill();
  const next = await hire("ann");
  await working(next.jobs, "b");
});

test("goes on after a lost connection", async (context) => {
  const { order, hire } = await start(context);
  const { jobs, clients } = await hire("ann");
  for (const client of clients) client.stream.destroy();
  await order("a");
  await working(jobs, "a");
});

test("finishes the jobs at work before it ends, and leaves the others", async (context) => {
  const { order, hire } = await start(context);
  const { jobs, end } = await hire("ann");
  await order("a", "b");
  await working(jobs, "a");
  const ending = end();
  jobs.get("a")?.();
  await ending;
  const next = await hire("ann");
  await working(next.jobs, "b");
});
