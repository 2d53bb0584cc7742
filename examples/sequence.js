// @ts-check
// Publishes 1, 2, 3 … from a Node stream, as fast as the server acknowledges.
//   node examples/sequence.js [mqtt://localhost:1883] [sequence] [10]
import { Readable } from "node:stream";
import { connect } from "@aiko/mqtt";

const [url = "mqtt://localhost:1883", topic = "sequence", count = "10"] = process.argv.slice(2);

function* sequence() {
  for (let i = 1; i <= Number(count); i++) yield String(i);
}

const client = await connect(url);
for await (const number of Readable.from(sequence())) await client.publish(topic, number, { qos: 1 });
await client.disconnect();
console.log(`published ${count} messages on ${topic}`);
