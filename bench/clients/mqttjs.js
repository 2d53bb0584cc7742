// MQTT.js, as its users use it: callbacks, which are its fastest way.
import mqtt from "mqtt";

export async function open(port, { directory, keepAlive = 0 } = {}) {
  const stores = directory && (await import("mqtt-level-store")).default(directory); // it never syncs
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 4,
    keepalive: keepAlive,
    ...(stores && { clientId: "bench", clean: false, incomingStore: stores.incoming, outgoingStore: stores.outgoing }),
  });
  await new Promise((resolve, reject) => {
    client.once("connect", resolve);
    client.once("error", reject);
  });
  let listener;
  return {
    publish: (topic, payload, qos) =>
      new Promise((resolve, reject) => {
        client.publish(topic, payload, { qos }, (error) => (error ? reject(error) : resolve()));
      }),
    /** @param onMessage undefined if nothing is expected */
    subscribe(filters, qos, onMessage) {
      if (listener === undefined && onMessage !== undefined) {
        listener = onMessage; // it has one for all subscriptions
        client.on("message", (_topic, payload) => listener(payload));
      }
      return new Promise((resolve, reject) => {
        client.subscribe(filters, { qos }, (error) => (error ? reject(error) : resolve()));
      });
    },
    close: () => client.endAsync(),
  };
}
