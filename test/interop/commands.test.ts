// Our commands on one side, mosquitto's on the other, through mosquitto and through the embedded broker.
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Child, run } from "../fixtures/child.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

let mosquitto: Mosquitto;
let broker: Broker;
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
  broker = await Broker.listen({ port: 0 });
});
afterAll(async () => {
  await mosquitto[Symbol.asyncDispose]();
  await broker.close();
});

const versions = [
  { ours: "31", theirs: "mqttv31" },
  { ours: "311", theirs: "mqttv311" },
  { ours: "5", theirs: "mqttv5" },
];
const cases = versions.flatMap((version) => ["0", "1", "2"].map((qos) => ({ ...version, qos })));

describe.each([
  { through: "mosquitto", port: () => String(mosquitto.port) },
  { through: "the embedded broker", port: () => String(broker.port) },
])("through $through", ({ port }) => {
  test.each(cases)("from mosquitto_pub to mqtt_subscribe, version $ours, QoS $qos", async ({ ours, theirs, qos }) => {
    const topic = `in/${ours}/${qos}`;
    await using subscriber = await Child.subscriber(["-p", port(), "-t", `in/${ours}/#`, "-q", qos, "-V", ours]);
    const message = "it's 21.5 °C";
    const publisher = new Child("mosquitto_pub", "mosquitto_pub", [
      ...["-p", port(), "-V", theirs, "-t", topic, "-m", message, "-q", qos],
    ]);
    expect(await run(publisher)).toMatchObject({ code: 0 });
    expect(await subscriber.said("Topic")).toBe(`Topic: ${topic}, message: '${message}'`);
    subscriber.kill("SIGINT");
    expect(await subscriber.code()).toBe(0);
    expect(subscriber.complaints).toEqual([]);
  });

  test.each(cases)("from mqtt_publish to mosquitto_sub, version $ours, QoS $qos", async ({ ours, theirs, qos }) => {
    const topic = `out/${ours}/${qos}`;
    await using subscriber = await mosquittoSub(["-p", port(), "-V", theirs, "-t", topic, "-q", qos]);
    const message = "-5 °C, it's cold";
    const args = ["-p", port(), "-V", ours, "-t", topic, "-m", message, "-q", qos];
    expect(await run(Child.command("mqtt_publish", args))).toEqual({ code: 0, lines: [], notes: [] });
    await subscriber.said(`q${qos} ${topic} ${message}`);
  });

  test("from mqtt_publish to mqtt_subscribe, with different versions", async () => {
    await using subscriber = await Child.subscriber(["-p", port(), "-t", "mixed", "-q", "2", "-V", "31"]);
    for (const version of ["31", "311", "5", "auto"]) {
      const args = ["-p", port(), "-V", version, "-t", "mixed", "-m", version, "-q", "2"];
      expect(await run(Child.command("mqtt_publish", args))).toMatchObject({ code: 0 });
      await subscriber.said(`Topic: mixed, message: '${version}'`);
    }
  });

  test("mqtt_publish -r is retained for mosquitto_sub, and an empty message clears it", async () => {
    const publish = (message: string) =>
      run(Child.command("mqtt_publish", ["-p", port(), "-t", "kept", "-m", message, "-r", "-q", "1"]));
    expect(await publish("still here")).toMatchObject({ code: 0 });
    await using first = await mosquittoSub(["-p", port(), "-t", "kept"]);
    await first.said("kept still here");
    expect(await publish("")).toMatchObject({ code: 0 });
    await using second = await mosquittoSub(["-p", port(), "-t", "kept"]);
    const publisher = new Child("mosquitto_pub", "mosquitto_pub", ["-p", port(), "-t", "kept", "-m", "live"]);
    expect(await run(publisher)).toMatchObject({ code: 0 });
    await second.said("live");
    expect(second.lines.filter((line) => line.includes("still here"))).toEqual([]);
  });

  test("mqtt_test localhost publishes on test/1 and ends on quit", async () => {
    await using subscriber = await mosquittoSub(["-p", port(), "-t", "test/1"]);
    await using tester = Child.command("mqtt_test", ["-p", port(), "localhost"]);
    await subscriber.said("test/1 test message");
    for (const message of ["hello", "quit"]) {
      const publisher = new Child("mosquitto_pub", "mosquitto_pub", ["-p", port(), "-t", "test/2", "-m", message]);
      expect(await run(publisher)).toMatchObject({ code: 0 });
    }
    expect(await tester.code()).toBe(0);
    expect(tester.lines).toEqual(["Topic: test/2, message: 'hello'", "Topic: test/2, message: 'quit'"]);
    expect(tester.notes).toEqual([]);
  });

  test.each(["31", "311", "5"])(
    "version %s: the will of mqtt_subscribe is published after kill -9",
    async (version) => {
      const topic = `will/${version}`;
      await using watcher = await mosquittoSub(["-p", port(), "-t", "will/#", "-q", "1"]);
      await using subscriber = await Child.subscriber([
        ...["-p", port(), "-V", version, "-t", "anything"],
        ...["-w", topic, "--will_message", "gone", "--will_qos=1", "--will_retain", "1"],
      ]);
      subscriber.kill("SIGKILL");
      await watcher.said(`q1 ${topic} gone`);
      await using late = await mosquittoSub(["-p", port(), "-t", topic]);
      await late.said("gone");
    },
  );

  test("there is no will after ^C", async () => {
    await using watcher = await mosquittoSub(["-p", port(), "-t", "farewell/#"]);
    await using subscriber = await Child.subscriber([
      ...["-p", port(), "-t", "anything", "-w", "farewell/will", "--will_message", "gone"],
    ]);
    subscriber.kill("SIGINT");
    expect(await subscriber.code()).toBe(0);
    const args = ["-p", port(), "-t", "farewell/last", "-m", "x"];
    expect(await run(Child.command("mqtt_publish", args))).toMatchObject({ code: 0 });
    await watcher.said("farewell/last");
    expect(watcher.lines.filter((line) => line.includes("farewell/will"))).toEqual([]);
  });
});

/**
 * mosquitto_sub, after it has got SUBACK. Its debug lines are on standard output too, which it would buffer in a pipe.
 */
function mosquittoSub(args: readonly string[]): Promise<Child> {
  const child = new Child("mosquitto_sub", "stdbuf", ["-oL", "mosquitto_sub", ...args, "-d", "-F", "q%q %t %p"]);
  return child.once((it) => it.said("Subscribed ("));
}
