// This library, as a user would use it.
import { connect } from "@aiko/mqtt";

/** Returns a store that measures its commits. A commit is one call of `write`, which resolves when it is synced. @param {string} directory */
async function measuredStore(directory) {
  const { DiskStore } = await import("@aiko/mqtt-store");
  return new (class extends DiskStore {
    commits = 0;
    messages = 0;
    microseconds = 0;

    /** @override @param {string} name */
    async open(name) {
      const opened = await super.open(name);
      const { session } = opened;
      const write = session.write.bind(session);
      session.write = async (changes) => {
        const start = performance.now();
        await write(changes);
        this.microseconds += (performance.now() - start) * 1000;
        this.commits++;
        for (const { value } of changes) if (value !== undefined) this.messages++;
      };
      return opened;
    }
  })(directory);
}

/**
 * @param {number} port
 * @param {import("./client.ts").OpenOptions} [options]
 * @returns {Promise<import("./client.ts").Client>}
 */
export async function open(port, { directory, keepAlive = 0, maximumPacketSize } = {}) {
  const store = directory === undefined ? undefined : await measuredStore(directory);
  const client = await connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 4,
    keepAlive,
    maximumInflight: 65_535, // the servers here accept it; MQTT.js assumes it of every server
    ...(maximumPacketSize && { properties: { maximumPacketSize } }),
    ...(store && { clientId: "bench", store }),
  });
  return {
    publish: (topic, payload, qos) => client.publish(topic, payload, { qos }),
    async subscribe(filters, qos, onMessage) {
      await client.subscribe(filters, { qos, onMessage: (message) => onMessage?.(message.payload) });
    },
    note: () =>
      store && {
        "messages a commit": Math.round(store.messages / store.commits),
        "µs a commit": Math.round(store.microseconds / store.commits),
      },
    close: () => client.disconnect(),
  };
}
