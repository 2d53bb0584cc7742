// @ts-check
// examples/worker.js with MQTT.js. MQTT.js does not support a job that takes longer than 1.5 times the
// keep-alive. During the job, it does not read PINGRESP, and closes the connection.
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";

/**
 * @param {string} url
 * @param {string} name of the worker. The server keeps its unfinished jobs under this name
 * @param {(topic: string, text: string) => Promise<unknown>} work does one job
 * @param {import("mqtt").IClientOptions & { filter?: string, concurrency?: number }} [options]
 */
export async function startWorker(url, name, work, options = {}) {
  const { filter = "$share/workers/jobs/+", concurrency = 4, ...others } = options;
  const state = { running: 0, done: 0 };
  /** @type {Set<Promise<void>>} the running jobs */
  const jobs = new Set();
  let isEnding = false;

  /** @param {string} topic @param {string} text */
  async function workOn(topic, text) {
    state.running++;
    try {
      await work(topic, text);
      state.done++;
    } catch (error) {
      console.error(error);
    } finally {
      state.running--;
    }
  }

  /** @param {string} id */
  function open(id) {
    const client = mqtt.connect(url, {
      protocolVersion: 5,
      clientId: `${name}-${id}`,
      clean: false, // unacknowledged jobs are redelivered
      properties: { sessionExpiryInterval: 3_600 }, // after an hour they go to another worker
      ...others,
    });
    client.on("error", (error) => console.error(error));
    return client;
  }

  // A client delivers one message at a time, so each concurrent job needs its own client, and the requests need another one.
  const responder = open("requests");
  responder.on("message", (topic, _, { properties = {} }) => {
    const { responseTopic, correlationData } = properties;
    if (responseTopic === undefined || correlationData === undefined) return;
    const isKnown = topic.endsWith("/state");
    const userProperties = { "response-error": `no answer to ${topic}; request workers/${name}/state` };
    responder.publish(responseTopic, isKnown ? JSON.stringify(state) : "", {
      qos: 1,
      properties: isKnown ? { correlationData } : { correlationData, userProperties },
    });
  });
  const workers = Array.from({ length: concurrency }, (_, i) => open(String(i)));
  for (const client of workers) {
    // Before the first await; otherwise, messages of an earlier session would be acknowledged without being handled.
    client.handleMessage = async (packet, acknowledge) => {
      if (isEnding) return; // not acknowledged, so it is redelivered
      const job = workOn(packet.topic, packet.payload.toString()).then(() => acknowledge());
      jobs.add(job);
      await job;
      jobs.delete(job);
    };
  }

  /** @param {import("mqtt").MqttClient} client @param {string} topicFilter @param {0 | 1} qos */
  async function subscribe(client, topicFilter, qos) {
    const [{ sessionPresent }] = await once(client, "connect");
    // A resumed session has the subscription already. Its jobs arrive first, and a running job blocks the answer to SUBSCRIBE.
    if (!sessionPresent) await client.subscribeAsync(topicFilter, { qos });
  }
  await Promise.all([
    subscribe(responder, `workers/${name}/+`, 0),
    ...workers.map((client) => subscribe(client, filter, 1)),
  ]);

  const clients = [responder, ...workers];
  async function end() {
    isEnding = true;
    await Promise.all(jobs);
    await Promise.all(clients.map((client) => client.endAsync()));
  }
  return { clients, end };
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [url = "mqtt://localhost:1883", name = "ann"] = process.argv.slice(2);
  const { end } = await startWorker(url, name, async (topic, text) => {
    await sleep(1_000);
    console.log(`done: ${topic} ${text}`);
  });
  console.log(`${name} takes jobs`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      setTimeout(() => process.exit(), 60_000).unref();
      end();
    });
  }
}
