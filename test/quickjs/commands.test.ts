// The commands of the single file for a bare `qjs`, on an engine whose `std` and `os` the test provides.
import { statSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { root } from "../fixtures/child.ts";
import { Machine, type Process, SIGHUP, SIGINT } from "./machine.ts";
import { Pipe } from "./pipe.ts";
import { line, nc, socat } from "./programs.ts";

const programs = { socat };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function server(broker: Broker): string[] {
  return ["-h", "127.0.0.1", "-p", new URL(broker.url).port];
}

test("the single file stays small", () => {
  expect(statSync(join(root, "packages/cli/dist/qjs/mqtt.js")).size).toBeLessThan(192_500);
});

test.each([0, 1, 2] as const)("mqtt_publish publishes at QoS %i and ends", async (qos) => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  const subscription = await client.subscribe("a/#", { qos: 2 });
  using machine = new Machine({ programs }).run(
    "mqtt_publish",
    ...server(broker),
    "-t",
    "a/b",
    "-m",
    "žluť",
    "-q",
    `${qos}`,
  );
  for await (const message of subscription) {
    expect([message.topic, message.text(), message.qos]).toEqual(["a/b", "žluť", qos]);
    break;
  }
  expect(await machine.exited).toBe(0);
  expect(machine.notes).toEqual([]);
});

test("the command may be selected by the name of the file", async () => {
  using machine = new Machine();
  machine.module('import { main } from "mqtt"; main(["/usr/bin/mqtt_publish", "--version"]);');
  expect(await machine.exited).toBe(0);
  expect(machine.lines).toEqual([expect.stringMatching(/^mqtt_publish \d+\.\d+\.\d+$/)]);
});

test("without a command it lists the commands", async () => {
  using machine = new Machine().run();
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual(["mqtt.js: missing command; the commands are mqtt_publish, mqtt_subscribe, mqtt_test"]);
});

test("mqtt_subscribe prints what arrives until it is interrupted, thousands of messages in 8 MB", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  using machine = new Machine({ programs, memory: 8_000_000 });
  machine.run("mqtt_subscribe", "-d", ...server(broker), "-t", "a/#", "-q", "1");
  await machine.noted("subscribed to a/#");
  const numbers = Array.from({ length: 3_000 }, (_, i) => i);
  await Promise.all(numbers.map((i) => client.publish(`a/${i % 7}`, `message ${i}`, { qos: 1 })));
  await machine.said("message 2999");
  const received = machine.lines.map((each) => Number(/^Topic: a\/\d, message: 'message (\d+)'$/.exec(each)?.[1]));
  expect(received.toSorted((a, b) => a - b)).toEqual(numbers);
  machine.signal(SIGINT);
  expect(await machine.exited).toBe(0);
});

test("on a terminal, control characters of a message are escaped", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  using machine = new Machine({ programs, hasScreen: true }).run("mqtt_subscribe", "-d", ...server(broker), "-t", "a");
  await machine.noted("subscribed to a");
  await client.publish("a", "\u001b[2J\u0007");
  await machine.said("Topic: a, message: '\\x1b[2J\\x07'");
});

/** Linux's report on a process, as a device: the signals that it ignores. */
function statusOfProcess(ignored: string): Record<string, () => { reads: Pipe; writes: Pipe }> {
  const reads = new Pipe();
  reads.put(text(`Name:\tqjs\nSigIgn:\t${ignored}\n`));
  return { "/proc/self/status": () => ({ reads, writes: new Pipe() }) };
}

test("mqtt_subscribe ends when its terminal is closed, but not if nohup started it", async () => {
  await using broker = await Broker.listen({ port: 0 });
  const subscribing = ["mqtt_subscribe", "-d", ...server(broker), "-t", "a"];
  using usual = new Machine({ programs, devices: statusOfProcess("0000000000001000") }).run(...subscribing);
  await usual.noted("subscribed to a");
  usual.signal(SIGHUP);
  expect(await usual.exited).toBe(0);
  for (const devices of [statusOfProcess("0000000000000001"), {}]) {
    using machine = new Machine({ programs, devices }).run(...subscribing);
    await machine.noted("subscribed to a");
    expect(() => machine.signal(SIGHUP)).toThrow("nobody handles signal 1");
  }
});

test("mqtt_test publishes, prints, and ends at the message quit", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  const published = await client.subscribe("test/1");
  using machine = new Machine({ programs }).run("mqtt_test", "-p", new URL(broker.url).port, "127.0.0.1");
  for await (const message of published) {
    expect(message.text()).toBe("test message");
    break;
  }
  await client.publish("test/2", "hello");
  await client.publish("test/2", "quit");
  expect(await machine.exited).toBe(0);
  expect(machine.lines).toEqual(["Topic: test/2, message: 'hello'", "Topic: test/2, message: 'quit'"]);
});

test("a helper that dies causes a lost connection, and another one is started", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  using machine = new Machine({ programs }).run("mqtt_subscribe", "-d", ...server(broker), "-t", "a");
  await machine.noted("subscribed to a");
  const [helper] = machine.processes;
  helper?.stderr.put(text("socat: E broken\n"));
  helper?.exit(3);
  expect(await machine.noted("retrying in")).toMatch(
    /the helper "socat - TCP:.*" ended with exit code 3: socat: E broken/,
  );
  await machine.noted("reconnected to");
  await machine.until(() => (broker.statistics.subscriptions > 0 ? true : undefined));
  await client.publish("a", "still here");
  await machine.said("still here");
});

test("data that is not MQTT is reported", async () => {
  const garbage = (process: Process) => process.stdout.put(new Uint8Array(20));
  using machine = new Machine({ programs: { socat: garbage } }).run("mqtt_publish", "-t", "a", "-m", "b");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([expect.stringContaining("did not answer with valid MQTT")]);
});

test("an empty helper is rejected", async () => {
  using machine = new Machine().run("mqtt_publish", "-t", "a", "-m", "b", "--helper", "");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([expect.stringContaining("option --helper: must not be empty")]);
});

test("a missing helper is named", async () => {
  using machine = new Machine().run("mqtt_publish", "-t", "a", "-m", "b", "--helper", "modem-dial %h %p");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([expect.stringContaining('helper "modem-dial": command not found')]);
  expect(machine.processes.map(({ command }) => command)).toEqual([["modem-dial", "localhost", "1883"]]);
});

test.each([
  ["BusyBox's nc before socat", { programs: { nc, socat }, links: { nc: "/bin/busybox" } }, "nc"],
  ["socat before any other nc", { programs: { nc, socat }, links: { nc: "/usr/bin/nc.openbsd" } }, "socat"],
  ["any nc if there is no socat", { programs: { nc } }, "nc"],
])("without a configured helper it uses %s", async (_what, machineOptions, name) => {
  await using broker = await Broker.listen({ port: 0 });
  using machine = new Machine(machineOptions).run("mqtt_publish", ...server(broker), "-t", "a", "-m", "b", "-q", "1");
  expect(await machine.exited).toBe(0);
  expect(machine.processes.map(({ command }) => command[0])).toEqual([name]);
});

test("if no helper is found, the error asks for one", async () => {
  using machine = new Machine().run("mqtt_publish", "-t", "a", "-m", "b");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([
    expect.stringMatching(/helper "socat": command not found; install it, or pass another/),
  ]);
});

test("a helper's error output is passed on", async () => {
  const refused = (process: Process) => {
    process.stderr.put(text("first line\nsocat: E connection refused\n"));
    process.exit(1);
  };
  using machine = new Machine({ programs: { socat: refused } }).run("mqtt_publish", "-t", "a", "-m", "b");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([
    'mqtt_publish: cannot connect to mqtt://localhost:1883: the helper "socat - TCP:localhost:1883,nodelay" ended with ' +
      "exit code 1: socat: E connection refused",
  ]);
});

test("a helper's error output cannot move the terminal's cursor or colour it", async () => {
  const garish = (process: Process) => {
    process.stderr.put(text("\u001b[2Jall is well\u0007\n"));
    process.exit(1);
  };
  using machine = new Machine({ programs: { socat: garish } }).run("mqtt_publish", "-t", "a", "-m", "b");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([expect.stringContaining("exit code 1: �[2Jall is well�")]);
});

test("a helper that does nothing is killed when the attempt ends", async () => {
  let killed = 0;
  const silent = (process: Process) => {
    process.killed = () => {
      killed++;
      process.exit(0);
    };
  };
  using machine = new Machine({ programs: { socat: silent } }).run("mqtt_publish", "-t", "a", "-m", "b");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([expect.stringContaining("no CONNACK within connectTimeout")]);
  expect(killed).toBe(1);
});

test.each([["a,fork"], ["-e"], ["x!!y"]])(
  "a host with other characters than a host name is rejected: %s",
  async (host) => {
    using machine = new Machine({ programs }).run("mqtt_publish", "--url", `mqtt://${host}:1883`, "-t", "a", "-m", "b");
    expect(await machine.exited).toBe(1);
    expect(machine.notes).toEqual([expect.stringMatching(/host .*(contains characters that|must be at most)/)]);
    expect(machine.processes).toEqual([]);
  },
);

test("options that have no meaning here are unknown", async () => {
  using machine = new Machine().run("mqtt_publish", "--cafile", "x", "-t", "a", "-m", "b");
  expect(await machine.exited).toBe(1);
  expect(machine.notes).toEqual([expect.stringContaining("unknown option --cafile")]);
});

test("a serial line is opened as a plain file", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  const subscription = await client.subscribe("a");
  const open = () => {
    const way = { reads: new Pipe(), writes: new Pipe() };
    line(Number(new URL(broker.url).port), way.reads, way.writes);
    return way;
  };
  using machine = new Machine({ devices: { "/dev/ttyS1": open } });
  machine.run("mqtt_publish", "--unix", "/dev/ttyS1", "-t", "a", "-m", "by wire", "-q", "1");
  for await (const message of subscription) {
    expect(message.text()).toBe("by wire");
    break;
  }
  expect(await machine.exited).toBe(0);
  expect(machine.processes).toEqual([]);
});

test("a program can import the client; a megabyte passes through pipes of 64 KB, in both directions", async () => {
  await using broker = await Broker.listen({ port: 0 });
  using machine = new Machine({
    programs,
    memory: 32_000_000,
    environment: { MQTT_HELPER: "socat - TCP:%h:%p,nodelay" },
  });
  machine.module(`
    import { connect } from "mqtt";
    import { exit } from "std";
    const client = await connect(${JSON.stringify(broker.url)});
    const subscription = await client.subscribe("big", { qos: 2 });
    const payload = new Uint8Array(1_000_000).map((_, i) => i * 7);
    client.publish("big", payload, { qos: 2 });
    for await (const message of subscription) {
      await client.disconnect();
      exit(message.payload.length === payload.length && message.payload.every((byte, i) => byte === payload[i]) ? 0 : 1);
    }
  `);
  expect(await machine.exited).toBe(0);
});
