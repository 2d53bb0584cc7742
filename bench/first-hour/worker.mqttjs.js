// @ts-check
// examples/worker.js with MQTT.js. What MQTT.js cannot do: a job that takes longer than 1.5 times the
// keep-alive. While it is at work, PINGRESP is not read, and MQTT.js closes the connection.
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
  /** @type {Set<Promise<void>>} the jobs at work */
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
      clean: false, // jobs that were not acknowledged come again
      properties: { sessionExpiryInterval: 3_600 }, // after an hour they go to another worker
      ...others,
    });
    client.on("error", (error) => console.error(error));
    return client;
  }

  // A client hands over one message at a time, so each job at work needs a client of its own, and the requests another one.
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
    // Before the first await: what comes of an earlier session would be acknowledged without it.
    client.handleMessage = async (packet, acknowledge) => {
      if (isEnding) return; // not acknowledged: it comes again
      const job = workOn(packet.topic, packet.payload.toString()).then(() => acknowledge());
      jobs.add(job);
      await job;
      jobs.delete(job);
    };
  }

  /** @param {import("mqtt").MqttClient} client @param {string} topicFilter @param {0 | 1} qos */
  async function subscribe(client, topicFilter, qos) {
    const [{ sessionPresent }] = await once(client, "connect");
    // With a session it has the subscription. Its jobs come first, and a job at work holds up the answer to SUBSCRIBE.
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
