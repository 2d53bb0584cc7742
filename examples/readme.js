// @ts-check
// The example of the README: subscribes, publishes, and ends when the message has arrived.
//   node examples/readme.js [mqtt://localhost:1883]
import { connect } from "@aiko/mqtt";

const client = await connect(process.argv[2] ?? "mqtt://localhost:1883", {
  clientId: "kitchen",
  keepAlive: 60,
  cleanStart: true,
  will: { topic: "kitchen/status", payload: "gone", qos: 1, retain: true },
});
const subscription = await client.subscribe("sensors/+/temperature", { qos: 1 });
await client.publish("sensors/attic/temperature", "21.5", { qos: 1 });
for await (const message of subscription) {
  console.log(message.topic, message.text());
  break;
}
await client.disconnect(); // on Node 24 and later, `await using` does this
