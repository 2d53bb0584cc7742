// A server that dies and is restarted on the same port without stored data.
import { connect } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Child } from "../fixtures/child.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

test.each([3, 4, 5] as const)(
  "version %s: the client reconnects and resubscribes, and loses no queued message",
  async (version) => {
    await using mosquitto = await Mosquitto.start();
    const reconnect = { initialDelay: 20, maximumDelay: 200 };
    await using client = await connect(mosquitto.url, { protocolVersion: version, clientId: "stays", reconnect });
    const subscription = await client.subscribe(["interop/a", "interop/b/#"], { qos: 1 });
    await mosquitto.kill();
    const queued = client.publish("interop/a", "while it was away", { qos: 1 });
    await mosquitto.startAgain();
    await queued;
    await mosquitto.logged("stays 1 interop/b/#");
    await client.publish("interop/b/c", "after", { qos: 1 });
    for await (const message of subscription) {
      // The first may have been sent before the subscription was restored; then there was no subscriber.
      if (message.text() === "after") break;
      expect(message.text()).toBe("while it was away");
    }
    expect(client.statistics.connections).toBe(2);
  },
);

test("mqtt_subscribe and mqtt_test reconnect and report it", async () => {
  await using mosquitto = await Mosquitto.start();
  const server = ["-p", String(mosquitto.port)];
  await using subscriber = await Child.subscriber([...server, "-t", "test/1"]);
  await using tester = Child.command("mqtt_test", server);
  await subscriber.said("Topic: test/1");
  await mosquitto.kill();
  await Promise.all([subscriber.noted("retrying in"), tester.noted("retrying in")]);
  await mosquitto.startAgain();
  await Promise.all([subscriber.noted("reconnected to"), tester.noted("connected to")]);
  await mosquitto.logged(" 0 test/1");
  const before = subscriber.lines.length;
  await mosquitto.logged(" 0 test/2");
  await using publisher = Child.command("mqtt_publish", [...server, "-t", "test/2", "-m", "quit"]);
  expect(await publisher.code()).toBe(0);
  expect(await tester.code()).toBe(0);
  subscriber.kill("SIGTERM");
  expect(await subscriber.code()).toBe(0);
  expect(subscriber.lines.length).toBeGreaterThanOrEqual(before);
});
