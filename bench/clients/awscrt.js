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
  return {
    publish: (topicName, payload, qos) => client.publish({ topicName, payload, qos }),
    subscribe(topicFilter, qos, onMessage) {
      client.on("messageReceived", ({ message }) => onMessage(message.payload));
      return client.subscribe({ subscriptions: [{ topicFilter, qos }] });
    },
    close() {
      const stopped = new Promise((resolve) => client.on("stopped", resolve));
      client.stop();
      return stopped;
    },
  };
}
