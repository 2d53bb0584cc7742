// Measures the messages per second that a broker forwards from one publisher to one subscriber at QoS 0: { port, count, size }. Both ends are
// sockets with ready-made bytes, so that only the broker is timed.
import { connect } from "node:net";
import { report, settings, timed } from "./program.js";
import { connectBytes, publishBytes, subscribeBytes } from "./ready-made.js";

/** The maximum number of messages in flight. */
const WINDOW = 10_000;
const BATCH = 500;
const { port, count, size } = /** @type {import("./interface.ts").Settings["relay"]} */ (settings);
const packet = publishBytes("bench/topic", Buffer.alloc(size, 0x2a));
const batch = Buffer.concat(Array.from({ length: BATCH }, () => packet));

async function join() {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.write(connectBytes);
  await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
  return socket;
}

const subscriber = await join();
subscriber.write(subscribeBytes("bench/topic"));
await new Promise((resolve) => subscriber.once("data", resolve));
const publisher = await join();

let received = 0; // bytes; all messages are identical
let advance = () => {};
subscriber.on("data", (bytes) => {
  received += bytes.length;
  advance();
});

/** @param {number} total */
async function relay(total) {
  received = 0;
  /** @param {number} messages @returns {Promise<void>} */
  const done = (messages) =>
    new Promise((resolve) => {
      advance = () => {
        if (received >= messages * packet.length) resolve();
      };
      advance();
    });
  for (let sent = 0; sent < total; sent += BATCH) {
    if (sent >= WINDOW) await done(sent - WINDOW + BATCH);
    publisher.write(batch);
  }
  await done(total);
}

await relay(20_000); // warm up
report(await timed(count, () => relay(count)));
