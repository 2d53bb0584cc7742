// aws-crt, a C core under a Node binding, MQTT 5.
import { mqtt5 } from "aws-crt";

/** @param {number} port @returns {Promise<import("./client.ts").Client>} */
export async function open(port) {
  const client = new mqtt5.Mqtt5Client({
    hostName: "127.0.0.1",
    port,
    connectProperties: { clientId: "bench", keepAliveIntervalSeconds: 1_200 },
  });
  const connected = /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      client.on("connectionSuccess", resolve);
      client.on("connectionFailure", ({ error }) => reject(error));
    })
  );
  client.start();
  await connected;
  /** @type {((payload: Uint8Array) => void) | undefined} */
  let listener;
  return {
    publish: (topicName, payload, qos) => client.publish({ topicName, payload, qos }),
    subscribe(filters, qos, onMessage) {
      if (listener === undefined && onMessage !== undefined) {
        listener = onMessage; // it has one for all subscriptions
        client.on("messageReceived", ({ message }) => onMessage(new Uint8Array(message.payload)));
      }
      return client.subscribe({ subscriptions: filters.map((topicFilter) => ({ topicFilter, qos })) });
    },
    close() {
      const stopped = /** @type {Promise<void>} */ (new Promise((resolve) => client.on("stopped", resolve)));
      client.stop();
      return stopped;
    },
  };
}
