// Each example as its first lines describe how to start it, from the build, with the embedded broker.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child, root, run } from "../fixtures/child.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.listen({ port: 0 });
});
afterAll(() => broker.close());

const example = (name: string, args: readonly string[], input?: string) =>
  new Child(name, process.execPath, [join(root, "examples", name), ...args], input === undefined ? {} : { input });

test("readme.js", async () => {
  const shown = await run(example("readme.js", [broker.url]));
  expect(shown).toEqual({ code: 0, lines: ["sensors/attic/temperature 21.5"], notes: [] });
});

test("classic.js publishes until quit", async () => {
  await using subscriber = await Child.subscriber(["--url", broker.url, "-t", "test/1"]);
  await using classic = example("classic.js", ["127.0.0.1", String(broker.port)]);
  await subscriber.said("Topic: test/1, message: 'test message'");
  await run(Child.command("mqtt_publish", ["--url", broker.url, "-t", "test/2", "-m", "quit"]));
  expect(await classic.code()).toBe(0);
  expect(classic.lines).toEqual(["Topic: test/2, message: 'quit'"]);
});

test("forward.js forwards messages, including those that arrived while it was stopped", async () => {
  await using target = await Broker.listen({ port: 0 });
  await using there = await connect(target.url);
  const arrived = await there.subscribe("#", { qos: 1 });
  await using here = await connect(broker.url);
  const start = async () => {
    const forwarder = example("forward.js", [broker.url, target.url, "forward/#"]);
    await forwarder.said("forwarding forward/#");
    return forwarder;
  };

  await using first = await start();
  await here.publish("elsewhere", "not this", { qos: 1 });
  await here.publish("forward/a", "1", { qos: 1 });
  await first.said("forward/a");
  first.kill("SIGINT");
  expect(await first.code()).toBe(0);

  await here.publish("forward/b", "2", { qos: 1 });
  await using second = await start();
  await here.publish("forward/c", "3", { qos: 1 });
  const messages: string[] = [];
  for await (const { topic, qos, ...message } of arrived) {
    messages.push(`${topic} ${message.payload} ${qos}`);
    if (messages.length === 3) break;
  }
  expect(messages).toEqual(["forward/a 49 1", "forward/b 50 1", "forward/c 51 1"]);
  await second.said("forward/c");
  second.kill("SIGTERM");
  expect(await second.code()).toBe(0);
  expect([...first.notes, ...second.notes]).toEqual([]);
});

test("sequence.js counts", async () => {
  await using subscriber = await Child.subscriber(["--url", broker.url, "-t", "sequence", "-q", "1"]);
  const shown = await run(example("sequence.js", [broker.url, "sequence", "5"]));
  expect(shown).toEqual({ code: 0, lines: ["published 5 messages on sequence"], notes: [] });
  await subscriber.said("'5'");
  expect(subscriber.lines).toEqual(["1", "2", "3", "4", "5"].map((n) => `Topic: sequence, message: '${n}'`));
});

test("stdin.js publishes each line, also a last one without line feed", async () => {
  await using subscriber = await Child.subscriber(["--url", broker.url, "-t", "lines", "-q", "1"]);
  const shown = await run(example("stdin.js", [broker.url, "lines"], "one\n\nthree\r\nfour"));
  expect(shown).toEqual({ code: 0, lines: ["published 4 lines on lines"], notes: [] });
  await subscriber.said("four");
  expect(subscriber.lines).toEqual(["one", "", "three", "four"].map((line) => `Topic: lines, message: '${line}'`));
});

test("exactly-once.js books payments, including those that arrived while it was stopped", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-payments-"));
  try {
    const start = () =>
      example("exactly-once.js", [broker.url, directory]).once((child) => child.said("booking payments/+"));
    const pay = (amount: string) =>
      run(Child.command("mqtt_publish", ["--url", broker.url, "-q", "2", "-t", "payments/ann", "-m", amount]));
    await using first = await start();
    await pay("25");
    await first.said("booked a payment to ann");
    first.kill("SIGINT");
    expect(await first.code()).toBe(0);
    await pay("17");
    await using second = await start();
    await second.said("booked a payment to ann");
    await pay("much");
    expect(await second.noted("payments/ann")).toContain('"much" is not a whole number');
    second.kill("SIGTERM");
    expect(await second.code()).toBe(0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("the demo ends by itself, and uses another server if one is given", async () => {
  const own = await run(new Child("demo", process.execPath, [join(root, "scripts/demo.js")]));
  const other = await run(new Child("demo", process.execPath, [join(root, "scripts/demo.js"), "--broker", broker.url]));
  for (const { code, lines, notes } of [own, other]) {
    expect([code, notes]).toEqual([0, []]);
    expect(lines).toContainEqual(expect.stringMatching(/^mqtt_subscribe +\| Topic: test\/1, message: 'test message'$/));
    expect(lines).toContainEqual(expect.stringMatching(/^mqtt_test +\| Topic: test\/2, message: 'quit'$/));
  }
  expect(own.lines[0]).toMatch(/^broker +\| listening on /);
  expect(other.lines.join("\n")).not.toContain("listening on");
});

test("the demo reports what failed", async () => {
  await using silent = new Child("demo", process.execPath, [
    join(root, "scripts/demo.js"),
    ...["--broker", "mqtt://127.0.0.1:1"],
  ]);
  expect(await silent.code()).toBe(1);
  expect(silent.notes).toEqual([expect.stringMatching(/^demo: mqtt_subscribe ended/)]);
});
