// A client that publishes numbered messages at one QoS, continues where an earlier one stopped, and disconnects when
// all are acknowledged. The length of a file counts the numbered messages; it grows before a message is published.
// Arguments: URL, directory, QoS, count.
import { appendFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";

const [, , url = "", directory = "", quality = "", count = ""] = process.argv;
const counter = join(directory, "counter");
const qos = Number(quality) as 1 | 2;

const client = await connect(url, { clientId: `kitchen${qos}`, store: new DiskStore(directory), cleanStart: false });
process.stdout.write("connected\n");
const waiting = new Set<Promise<void>>();
appendFileSync(counter, "");
for (let n = statSync(counter).size + 1; n <= Number(count); n++) {
  appendFileSync(counter, "x");
  const number = String(n);
  const outcome: Promise<void> = client.publish("numbers", number, { qos }).then(() => {
    waiting.delete(outcome);
    process.stdout.write(`${number}\n`);
  });
  waiting.add(outcome);
  if (waiting.size >= 20) await Promise.race(waiting);
}
await Promise.all(waiting);
await client.disconnect();
process.stdout.write("done\n");
