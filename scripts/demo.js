// @ts-check
// Shows messages: runs mqtt_subscribe, mqtt_test and mqtt_publish with the embedded broker, or with another server (`--
// --broker mqtt://host:port`), prints their lines immediately, and ends by itself.
import { parseArgs } from "node:util";
import { Command, demonstrate, show } from "./demo/command.js";

/** @param {string | undefined} url the server to use instead of the embedded broker */
async function demo(url) {
  /** @type {Command | undefined} */
  let broker;
  if (url === undefined) {
    broker = new Command("broker", "aiko-mqtt", ["broker", "--port", "0"]);
    await broker.said("listening on ");
    url = /mqtt:\S+/.exec(broker.lines.join("\n"))?.[0] ?? "";
  }
  const server = ["--url", url];
  const subscriber = new Command("mqtt_subscribe", "mqtt-subscribe", [...server, "-d", "-t", "test/1", "-t", "test/2"]);
  await subscriber.said("debug: subscribed");
  const tester = new Command("mqtt_test", "mqtt-test", server);
  await subscriber.said("Topic: test/1, message: 'test message'");

  /** @type {(topic: string, message: string) => Promise<void>} */
  const publish = async (topic, message) => {
    show("mqtt_publish", `-t ${topic} -m "${message}"`);
    await new Command("mqtt_publish", "mqtt-publish", [...server, "-t", topic, "-m", message]).ended();
    await subscriber.said(`Topic: ${topic}, message: '${message}'`);
  };
  await publish("test/1", "hello from mqtt_publish");
  await subscriber.said("Topic: test/1, message: 'test message'", 2);
  await publish("test/2", "hello, mqtt_test");
  await tester.said("Topic: test/2, message: 'hello, mqtt_test'");
  await publish("test/2", "quit");
  await tester.ended();
  await subscriber.interrupt();
  await broker?.interrupt();
}

await demonstrate(async () => {
  const { values } = parseArgs({ options: { broker: { type: "string" } } });
  await demo(values.broker);
  return "Every message arrived, and every command ended by itself";
});
