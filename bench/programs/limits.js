// Measures what limits any client in JavaScript: { client: "encoder" | "ready-made" | "parser", port, count, size }. These programs
// check no MQTT rules and store no state.
import { once } from "node:events";
import { connect } from "node:net";
import { report, settings, timed } from "./program.js";
import { connectBytes, publishBytes, subscribeBytes } from "./ready-made.js";

const CHUNK = 65_536;
const { client, port, count, size } = /** @type {import("./interface.ts").Settings["limits"]} */ (settings);
const topic = "bench/topic";
const payload = Buffer.alloc(size, 0x2a);
const packet = publishBytes(topic, payload);
const perChunk = Math.floor(CHUNK / packet.length);

const socket = connect({ port, host: "127.0.0.1", noDelay: true });
socket.write(connectBytes);
await once(socket, "data");

/**
 * Writes `make(n)`, the bytes of n messages, to the socket until all are sent, and waits for the answer to the last one.
 *
 * @param {number} total
 * @param {(messages: number) => Buffer} make
 */
async function send(total, make) {
  for (let sent = 0; sent < total; sent += perChunk) {
    const room = socket.write(make(Math.min(perChunk, total - sent)));
    if (!room) await once(socket, "drain");
  }
  socket.write(publishBytes(topic, payload.subarray(0, 1), 1));
  await once(socket, "data");
}

/** @param {number} messages */
function encoded(messages) {
  const bytes = Buffer.allocUnsafeSlow(CHUNK);
  let at = 0;
  for (let i = 0; i < messages; i++) {
    bytes[at++] = 0x30;
    let rest = 2 + topic.length + payload.length;
    while (rest > 127) {
      bytes[at++] = (rest & 127) | 128;
      rest >>= 7;
    }
    bytes[at++] = rest;
    bytes[at++] = topic.length >> 8;
    bytes[at++] = topic.length & 255;
    at += bytes.latin1Write(topic, at);
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes.subarray(0, at);
}

const ready = Buffer.concat(Array.from({ length: perChunk }, () => packet));

/**
 * Creates the topic string and the payload view of each received PUBLISH. Other packets are skipped.
 *
 * @param {number} total
 * @returns {Promise<void>}
 */
function receive(total) {
  return new Promise((resolve) => {
    /** @type {Buffer} */
    let rest = Buffer.alloc(0);
    let got = 0;
    let topics = 0;
    /** @param {Buffer} data */
    const onData = (data) => {
      const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
      let at = 0;
      for (;;) {
        let header = at + 1;
        let length = 0;
        let shift = 0;
        let byte = 128;
        while (byte > 127 && header < bytes.length) {
          byte = bytes[header++] ?? 0;
          length |= (byte & 127) << shift;
          shift += 7;
        }
        if (byte > 127 || header + length > bytes.length) break;
        if ((bytes[at] ?? 0) >> 4 === 3) {
          const topicEnd = header + 2 + (((bytes[header] ?? 0) << 8) | (bytes[header + 1] ?? 0));
          const name = bytes.latin1Slice(header + 2, topicEnd);
          const view = bytes.subarray(topicEnd, header + length);
          topics += name.length + view.length;
          got++;
        }
        at = header + length;
      }
      rest = bytes.subarray(at);
      if (got < total) return;
      if (topics !== total * (topic.length + size))
        throw new Error("the received topics and payloads differ from what was sent");
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
    socket.write(subscribeBytes(`flood/0/${total}/${size}`));
  });
}

/** @type {Record<typeof client, (total: number) => Promise<void>>} */
const works = {
  encoder: (total) => send(total, encoded),
  "ready-made": (total) => send(total, (messages) => ready.subarray(0, messages * packet.length)),
  parser: receive,
};
const work = works[client];
await work(Math.ceil(count / 10)); // warm up
report(await timed(count, () => work(count)));
