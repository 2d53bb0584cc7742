// Hostile clients of a broker: { port, count }. A third of them connects and says nothing, a third sends CONNECT again and again over new
// connections, and most others send garbage. One in twenty subscribes to everything, and one in twenty does so and never reads. Prints
// "ready" when each has connected once; runs until it is killed.
import { connect } from "node:net";
import { settings } from "./program.js";
import { subscribeBytes } from "./ready-made.js";

/** Milliseconds until a client whose connection ended attacks again: a flood, but one that leaves a processor for the honest clients. */
const AGAIN = 400;
/** How many attack in one step, so that no listen queue overflows. */
const STEP = 50;
/** Not that of the honest clients, so that a broker with limits for each address can tell them apart. */
const ADDRESS = "127.0.0.2";
const { port, count } = /** @type {import("./interface.ts").Settings["hostile"]} */ (settings);

/** @param {string} clientId */
function connectBytes(clientId) {
  const id = Buffer.from(clientId);
  const head = [0x10, 12 + id.length, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, id.length];
  return Buffer.concat([Buffer.from(head), id]);
}

const garbage = Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 7919 + 13) & 255));

/** What each kind does with a new connection. @type {((socket: import("node:net").Socket, name: string) => void)[]} */
const kinds = [
  () => {},
  (socket, name) => {
    socket.write(connectBytes(name));
    socket.once("data", () => socket.destroy());
  },
  (socket) => void socket.write(garbage),
  (socket, name) => void socket.write(Buffer.concat([connectBytes(name), subscribeBytes("#")])),
  (socket, name) => {
    socket.write(Buffer.concat([connectBytes(name), subscribeBytes("#")]));
    socket.pause();
  },
];

/** @param {number} number */
function kindOf(number) {
  if (number % 20 === 0) return 3;
  if (number % 20 === 1) return 4;
  return number % 3;
}

let serial = 0;
/** @param {number} number @param {() => void} connected */
function attack(number, connected) {
  const socket = connect({ port, host: "127.0.0.1", localAddress: ADDRESS });
  socket.on("error", () => {});
  socket.once("connect", () => {
    connected();
    kinds[kindOf(number)]?.(socket, `hostile${++serial}`);
  });
  socket.resume();
  socket.once("close", () => {
    connected(); // refused counts, too
    setTimeout(() => attack(number, () => {}), AGAIN);
  });
}

for (let first = 0; first < count; first += STEP) {
  const step = Array.from({ length: Math.min(STEP, count - first) }, (_, i) => first + i);
  await Promise.all(step.map((number) => new Promise((resolve) => attack(number, () => resolve(undefined)))));
}
console.log("ready");
