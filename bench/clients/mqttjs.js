// MQTT.js, as its users use it: with callbacks, which are its fastest interface.
import mqtt from "mqtt";

/**
 * @param {number} port
 * @param {import("./client.ts").OpenOptions} [options]
 * @returns {Promise<import("./client.ts").Client>}
 */
export async function open(port, { directory, keepAlive = 0 } = {}) {
  // It never syncs.
  const stores = directory === undefined ? undefined : (await import("mqtt-level-store")).default(directory);
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 4,
    keepalive: keepAlive,
    ...(stores && { clientId: "bench", clean: false, incomingStore: stores.incoming, outgoingStore: stores.outgoing }),
  });
  await /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      client.once("connect", resolve);
      client.once("error", reject);
    })
  );
  /** @type {((payload: Uint8Array) => void) | undefined} */
  let listener;
  return {
    publish: (topic, payload, qos) =>
      new Promise((resolve, reject) => {
        client.publish(topic, payload, { qos }, (error) => (error ? reject(error) : resolve(undefined)));
      }),
    subscribe(filters, qos, onMessage) {
      if (listener === undefined && onMessage !== undefined) {
        listener = onMessage; // it has one for all subscriptions
        client.on("message", (_topic, payload) => onMessage(payload));
      }
      return new Promise((resolve, reject) => {
        client.subscribe(filters, { qos }, (error) => (error ? reject(error) : resolve(undefined)));
      });
    },
    close: () => client.endAsync(),
  };
}
