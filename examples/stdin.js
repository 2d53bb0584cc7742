// @ts-check
// Publishes each line of standard input. It does not read faster than the server acknowledges.
//   tail -f /var/log/syslog | node examples/stdin.js [mqtt://localhost:1883] [lines]
import { createInterface } from "node:readline";
import { connect } from "@aiko/mqtt";

const [url = "mqtt://localhost:1883", topic = "lines"] = process.argv.slice(2);

const client = await connect(url);
let count = 0;
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  await client.publish(topic, line, { qos: 1 });
  count++;
}
await client.disconnect();
console.log(`published ${count} lines on ${topic}`);
