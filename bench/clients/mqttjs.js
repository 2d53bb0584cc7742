// MQTT.js, as its users use it: callbacks, which are its fastest way.
import mqtt from "mqtt";
import levelStore from "mqtt-level-store";

export async function open(port, options = {}) {
  const { directory } = options;
  const stores = directory && levelStore(directory); // it never syncs
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: options.version ?? 4,
    keepalive: 0,
    ...(stores && { clientId: "bench", clean: false, incomingStore: stores.incoming, outgoingStore: stores.outgoing }),
  });
  await new Promise((resolve, reject) => {
    client.once("connect", resolve);
    client.once("error", reject);
  });
  return {
    publish: (topic, payload, qos) =>
      new Promise((resolve, reject) => {
        client.publish(topic, payload, { qos }, (error) => (error ? reject(error) : resolve()));
      }),
    subscribe(filter, qos, onMessage) {
      client.on("message", (_topic, payload) => onMessage(payload));
      return new Promise((resolve, reject) => {
        client.subscribe([filter, "bench/#"], { qos }, (error) => (error ? reject(error) : resolve()));
      });
    },
    close: () => client.endAsync(),
  };
}
