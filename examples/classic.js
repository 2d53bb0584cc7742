// @ts-check
// The example of the Lua library, line for line: publishes each second until "quit" arrives on test/2.
//   node examples/classic.js [localhost] [1883]
import { setTimeout as sleep } from "node:timers/promises";
import * as MQTT from "@aiko/mqtt/classic";

const [hostname = "localhost", port] = process.argv.slice(2);
let running = true;

MQTT.Utility.set_debug(true);
const mqtt_client = MQTT.client.create(hostname, port === undefined ? undefined : Number(port), (topic, payload) => {
  console.log(`Topic: ${topic}, message: '${payload}'`);
  if (payload === "quit") running = false;
});
await mqtt_client.connect("lua mqtt client");
await mqtt_client.subscribe(["test/2"]);
while (running) {
  await mqtt_client.handler();
  await mqtt_client.publish("test/1", "test message");
  await sleep(1000);
}
await mqtt_client.unsubscribe(["test/2"]);
await mqtt_client.disconnect();
await mqtt_client.destroy();
