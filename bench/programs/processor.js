// Measures the processor time of the client's process for one message, in microseconds, through a real server, at QoS 0:
// { client, port, direction, count, size }. Another process publishes the messages for a receiver.
import { fork } from "node:child_process";
import { openClient, publishMany, report, settings, timed } from "./program.js";

const given = /** @type {import("./interface.ts").Settings["processor"]} */ (settings);
const { direction, count, size } = given;
const payload = Buffer.alloc(size, 0x2a);
/** The maximum number of bytes in flight. */
const lanes = 4;
const batch = Math.max(1, Math.min(100, Math.floor(4_194_304 / lanes / size)));
const warmUp = Math.ceil(count / 5);
const client = await openClient();

/** @param {number} total */
const publishing = (total) => publishMany(client, { count: total, qos: 0, payload, lanes, batch });

if (direction === "publish") {
  await publishing(warmUp);
  report(await timed(count, () => publishing(count)));
} else if (direction === "feed") {
  process.on("message", (total) => publishing(Number(total)));
  process.on("disconnect", () => process.exit()); // even if the receiver was killed
  process.send?.("ready");
} else {
  const feeder = fork(import.meta.filename, [JSON.stringify({ ...given, client: "aiko", direction: "feed" })]);
  await new Promise((resolve, reject) => {
    feeder.once("message", resolve);
    feeder.once("exit", () => reject(new Error("the feeder ended")));
  });
  let got = 0;
  let last = () => {};
  await client.subscribe(["bench/#"], 0, (bytes) => {
    if (bytes.length === size) got++;
    else last(); // the last message has one byte
  });
  /** @param {number} total @returns {Promise<void>} */
  const receiving = (total) =>
    new Promise((resolve) => {
      got = 0;
      last = resolve;
      feeder.send(total);
    });
  await receiving(warmUp);
  const figures = await timed(count, () => receiving(count));
  if (got !== count) throw new Error(`${count - got} of ${count} messages did not arrive`);
  feeder.kill();
  report(figures);
}
