// This library, as a user would use it.
import { connect } from "@aiko/mqtt";

export async function open(port, options = {}) {
  const client = await connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: options.version ?? 4,
    keepAlive: 0,
    maximumInflight: 65_535, // the endpoint takes it; MQTT.js assumes it of every server
  });
  return {
    publish: (topic, payload, qos) => client.publish(topic, payload, { qos }),
    async subscribe(filter, qos, onMessage) {
      await client.subscribe([filter, "bench/#"], { qos, onMessage: (message) => onMessage(message.payload) });
    },
    close: () => client.disconnect(),
  };
}
