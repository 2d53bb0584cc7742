// @ts-check
// examples/sensor.js with MQTT.js.
import mqtt from "mqtt";

const [url = "mqtt://localhost:1883", name = "attic"] = process.argv.slice(2);
const client = mqtt.connect(url, {
  protocolVersion: 5,
  clientId: `sensor-${name}`,
  will: { topic: `status/${name}`, payload: Buffer.from("offline"), qos: 1, retain: true },
});

// The queue of MQTT.js has no limit, so the messages that wait for a connection are kept here.
/** @type {Map<string, string>} the newest reading of each topic */
const waiting = new Map();
let replaced = 0;

/** @param {string} topic @param {string} payload @param {boolean} [retain] */
function publish(topic, payload, retain = false) {
  client.publish(topic, payload, { qos: 1, retain }, (error) => {
    if (error) console.error(`lost ${payload}: ${error.message}`);
  });
}

client.on("connect", () => {
  console.log(`connected to ${url}; readings replaced by newer ones: ${replaced}`);
  replaced = 0;
  publish(`status/${name}`, "online", true);
  for (const [topic, celsius] of waiting) publish(topic, celsius);
  waiting.clear();
});
client.on("error", (error) => {
  console.error(error.message);
  if (typeof error.code === "number") process.exit(1); // the server refused the client; MQTT.js does not reconnect
});
client.on("offline", () => console.error("no connection"));

const timer = setInterval(() => {
  const topic = `sensors/${name}/celsius`;
  const celsius = (20 + Math.random()).toFixed(1);
  if (client.connected) return publish(topic, celsius);
  if (waiting.has(topic)) replaced++;
  waiting.set(topic, celsius);
}, 1_000);

async function end() {
  clearInterval(timer);
  for (const celsius of waiting.values()) console.error(`lost ${celsius}: the sensor ends`);
  setTimeout(() => process.exit(), 5_000).unref(); // without a connection, `end` waits for acknowledgements forever
  await client.endAsync(false, { reasonCode: 4 }); // the server publishes "offline"
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, end);
