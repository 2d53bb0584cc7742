// A TCP connection without MQTT: its cost in Node.
import { connect } from "node:net";

/** @param {number} port @returns {Promise<import("./client.ts").RawConnection>} */
export function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve({ close: () => void socket.destroy() }));
  });
}
