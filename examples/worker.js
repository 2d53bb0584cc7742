// @ts-check
// A worker: takes jobs from jobs/+, which it shares with other workers, four at a time. A job is acknowledged when it is done, so if a worker
// is killed, its jobs are done again. Answers requests about its state on workers/NAME/state. Ends on ^C, after the running jobs.
//   node examples/worker.js [mqtt://localhost:1883] [ann]
//   npx mqtt_publish -q 1 -t jobs/1 -m "bake bread"
import { realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect } from "@aiko/mqtt";

/**
 * @param {string} url
 * @param {string} name of the worker. The server keeps its unfinished jobs under this name
 * @param {(job: import("@aiko/mqtt").Message, context: { signal: AbortSignal }) => Promise<unknown>} work does one job
 * @param {import("@aiko/mqtt").ConnectOptions} [options]
 */
export async function startWorker(url, name, work, options = {}) {
  const client = await connect(url, {
    clientId: name,
    cleanStart: false, // unacknowledged jobs are redelivered
    properties: { sessionExpiryInterval: 3_600 }, // after an hour they go to another worker
    ...options,
  });
  client.on("error", (error) => console.error(error));

  const state = { running: 0, done: 0 };
  await client.respond(`workers/${name}/+`, ({ topic }) =>
    topic.endsWith("/state")
      ? JSON.stringify(state)
      : { error: `no answer to ${topic}; request workers/${name}/state` },
  );
  await client.subscribe("$share/workers/jobs/+", {
    qos: 1,
    concurrency: 4,
    async onMessage(job, context) {
      state.running++;
      await work(job, context).finally(() => state.running--);
      state.done++;
    },
  });
  return client;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [url = "mqtt://localhost:1883", name = "ann"] = process.argv.slice(2);
  const client = await startWorker(url, name, async (job, { signal }) => {
    await sleep(1_000, undefined, { signal });
    console.log(`done: ${job.topic} ${job.text()}`);
  });
  console.log(`${name} takes jobs`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => client.disconnect({ drainTimeout: 60_000 }));
  const { error } = await client.waitFor("closed");
  if (error) throw error;
}
