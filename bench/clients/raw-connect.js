// A socket that sends ready-made CONNECT bytes, and is open when any answer has arrived: the minimum cost of connecting.
import { connect } from "node:net";
import { connectBytes } from "../programs/ready-made.js";

/** @param {number} port @returns {Promise<import("./client.ts").RawConnection>} */
export function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(connectBytes));
    socket.once("error", reject);
    socket.once("data", () => resolve({ close: () => void socket.destroy() }));
  });
}
