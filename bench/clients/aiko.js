// This library, as a user would use it.
import { connect } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";

/** A store, and what its commits cost: each is one call of `write`, synced when it resolves. */
class MeasuredStore extends DiskStore {
  commits = 0;
  messages = 0;
  microseconds = 0;

  async write(changes) {
    const start = performance.now();
    await super.write(changes);
    this.microseconds += (performance.now() - start) * 1000;
    this.commits++;
    for (const { value } of changes) if (value !== undefined) this.messages++;
  }
}

export async function open(port, options = {}) {
  const store = options.directory && new MeasuredStore(options.directory);
  const client = await connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: options.version ?? 4,
    keepAlive: 0,
    maximumInflight: 65_535, // the endpoint takes it; MQTT.js assumes it of every server
    ...(store && { clientId: "bench", store }),
  });
  return {
    publish: (topic, payload, qos) => client.publish(topic, payload, { qos }),
    async subscribe(filter, qos, onMessage) {
      await client.subscribe([filter, "bench/#"], { qos, onMessage: (message) => onMessage(message.payload) });
    },
    note: () =>
      store && {
        "messages a commit": Math.round(store.messages / store.commits),
        "µs a commit": Math.round(store.microseconds / store.commits),
      },
    close: () => client.disconnect(),
  };
}
