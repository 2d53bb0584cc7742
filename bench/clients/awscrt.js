// aws-crt, a C core under a Node binding, MQTT 5.
import { mqtt5 } from "aws-crt";

export async function open(port) {
  const client = new mqtt5.Mqtt5Client({
    hostName: "127.0.0.1",
    port: Number(port),
    connectProperties: { clientId: "bench", keepAliveIntervalSeconds: 1_200 },
  });
  const connected = new Promise((resolve, reject) => {
    client.on("connectionSuccess", resolve);
    client.on("connectionFailure", ({ error }) => reject(error));
  });
  client.start();
  await connected;
  let listener;
  return {
    publish: (topicName, payload, qos) => client.publish({ topicName, payload, qos }),
    /** @param onMessage undefined if nothing is expected */
    subscribe(filters, qos, onMessage) {
      if (listener === undefined && onMessage !== undefined) {
        listener = onMessage; // it has one for all subscriptions
        client.on("messageReceived", ({ message }) => listener(new Uint8Array(message.payload)));
      }
      return client.subscribe({ subscriptions: filters.map((topicFilter) => ({ topicFilter, qos })) });
    },
    close() {
      const stopped = new Promise((resolve) => client.on("stopped", resolve));
      client.stop();
      return stopped;
    },
  };
}
