// Commands and polls through a running gateway: messages of the server reach devices, and results come back.
import { type AddressInfo, createServer, type Server } from "node:net";
import { FakeClock } from "@aiko/mqtt/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/fixtures/free-port.ts";
import { type BenchOptions, type Device, GatewayBench } from "../gateway-bench.ts";

const SOURCE = `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:0"
decode = { format = "csv", fields = ["node", "value"] }
topic = "t/{node}"
payload = "raw"
`;

const COMMAND = `
[[source.command]]
topic = "{gateway}/{node}/set"
encode = { format = "text", template = "set {value}" }
values = { ON = "1", OFF = "0" }
`;

interface CommandBench {
  readonly bench: GatewayBench;
  readonly device: Device;
  /** Results by topic, in order. */
  readonly results: () => Record<string, unknown>[];
  command(payload: string, options?: object): Promise<unknown>;
}

/** A gateway, and a device that is known as "n1". */
async function start(command: string, options: BenchOptions = {}): Promise<CommandBench> {
  const bench = await GatewayBench.start({ sources: `${SOURCE}${command}`, ...options });
  await bench.until(() => bench.gateway.status.uplink.connected);
  const device = await bench.connect();
  device.send("n1,hello\n");
  await bench.until(() => bench.messages.some(({ topic }) => topic === "t/n1"));
  return {
    bench,
    device,
    results: () => resultsOf(bench),
    command: (payload, more = {}) => bench.observer.publish("bench/n1/set", payload, { qos: 1, ...more }),
  };
}

function resultsOf(bench: GatewayBench): Record<string, unknown>[] {
  const found = bench.messages.filter(({ topic }) => topic.endsWith("/result"));
  return found.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
}

test("a command is written to the device that its topic names, and its result is published", async () => {
  const { bench, device, results, command } = await start(COMMAND);
  const other = await bench.connect();
  other.send("n2,hello\n");
  await bench.until(() => bench.messages.some(({ topic }) => topic === "t/n2"));
  await command("ON");
  await bench.until(() => results().length === 1);
  expect(device.answers).toEqual(["set 1"]);
  expect(other.answers).toEqual([]);
  expect(results()).toEqual([{ ok: true, ms: 0 }]);
});

/** The timeout is one that a busy machine does not reach. */
const ANSWERED = `${COMMAND}answer = { match = "ok {value}", refused = "no", timeout = "60s", retries = 1 }\n`;

describe("a command with an answer", () => {
  test("is done when the device answers, and the answer is a record too", async () => {
    const { bench, device, results, command } = await start(ANSWERED.replace('"ok {value}"', '{ value = "{value}" }'));
    await command("ON");
    await bench.until(() => device.answers.length === 1);
    device.send("n1,1\n");
    await bench.until(() => results().length === 1);
    expect(results()[0]).toMatchObject({ ok: true, answer: { node: "n1", value: "1" } });
    await bench.until(() => bench.messages.some(({ payload }) => payload === "n1,1"));
  });

  test("whose answer is no record is answered, and nothing is dropped", async () => {
    const { bench, device, results, command } = await start(ANSWERED);
    await command("ON");
    await bench.until(() => device.answers.length === 1);
    device.send("ok 1\n");
    await bench.until(() => results().length === 1);
    expect(results()[0]).toMatchObject({ ok: true });
    expect(bench.counts().dropped).toEqual({});
  });

  test("fails if the device refuses", async () => {
    const { bench, device, results, command } = await start(ANSWERED);
    await command("ON");
    await bench.until(() => device.answers.length === 1);
    device.send("no way\n");
    await bench.until(() => results().length === 1);
    expect(results()).toEqual([{ ok: false, reason: "refused" }]);
  });

  test("is sent again, fails after its timeout, and a late answer is dropped", async () => {
    const clock = new FakeClock();
    const { bench, device, results, command } = await start(ANSWERED.replace('"60s"', '"100ms"'), { clock });
    const sent = command("ON");
    await clock.until(sent);
    await bench.until(() => device.answers.length === 1);
    await clock.advance(110); // with the last look
    await bench.until(() => device.answers.length === 2);
    await clock.advance(110);
    await bench.until(() => results().length === 1);
    expect(results()).toEqual([{ ok: false, reason: "timeout", repeated: true }]);
    device.send("ok 1\n");
    await bench.until(() => bench.counts().dropped["late"] === 1);
    expect(device.answers).toEqual(["set 1", "set 1"]);
  });

  test("fails if the device is disconnected", async () => {
    const { bench, device, results, command } = await start(ANSWERED);
    await command("ON");
    await bench.until(() => device.answers.length === 1);
    device.socket.destroy();
    await bench.until(() => results().length === 1);
    expect(results()).toEqual([{ ok: false, reason: "offline" }]);
  });

  test("fails as full or expired while the device is busy", async () => {
    const clock = new FakeClock();
    const slow = ANSWERED.replace('timeout = "60s"', 'timeout = "10s"').replace(
      "answer =",
      'queue = 1\nexpiry = "1s"\nanswer =',
    );
    const { bench, results, command } = await start(slow, { clock });
    for (let i = 0; i < 3; i++) await clock.until(command("ON"));
    await bench.until(() => results().length === 1);
    expect(results()).toEqual([{ ok: false, reason: "full" }]);
    await clock.advance(1_010);
    await bench.until(() => results().length === 2);
    expect(results()[1]).toEqual({ ok: false, reason: "expired" });
  });
});

test("what cannot be encoded fails, says why, and reaches no device", async () => {
  const { bench, device, results, command } = await start(COMMAND);
  await command("MAYBE");
  await bench.until(() => results().length === 1);
  expect(results()).toEqual([{ ok: false, reason: "encode", detail: 'the value "MAYBE" must be one of "ON", "OFF"' }]);
  expect(device.answers).toEqual([]);
});

test("a payload cannot add a line", async () => {
  const { bench, device, results, command } = await start(COMMAND.replace(/values.*\n/, ""));
  await command("1\nset 2");
  await bench.until(() => results().length === 1);
  expect(results()[0]).toMatchObject({ ok: false, reason: "encode" });
  expect(device.answers).toEqual([]);
});

test("a command waits for its device, and fails as offline if that does not come", async () => {
  const clock = new FakeClock();
  const { bench, results } = await start(COMMAND, { clock });
  for (const name of ["n8", "n9"]) await clock.until(bench.observer.publish(`bench/${name}/set`, "ON", { qos: 1 }));
  const other = await bench.connect();
  other.send("n8,hello\n");
  await bench.until(() => other.answers.length === 1);
  await clock.advance(30_000);
  await bench.until(() => results().length === 2);
  expect(results()).toEqual([
    { ok: true, ms: 0 },
    { ok: false, reason: "offline" },
  ]);
});

test("a held command whose message comes again after a cut is carried out once", async () => {
  const held = `${COMMAND}hold = true\nanswer = { match = "ok", timeout = "60s" }\n`;
  const { bench, device, results, command } = await start(held);
  const sent = command("ON");
  await bench.until(() => device.answers.length === 1);
  bench.offline();
  await bench.until(() => !bench.gateway.status.uplink.connected);
  bench.online();
  await bench.until(() => bench.gateway.status.uplink.connected);
  device.send("n1,again\n");
  await bench.until(() => bench.messages.some(({ payload }) => payload === "n1,again"));
  device.send("ok\n");
  await sent;
  await bench.until(() => results().length >= 1);
  expect(device.answers).toEqual(["set 1"]);
});

test("a retained command is ignored, unless it is configured", async () => {
  for (const [retained, count] of [
    [false, 0],
    [true, 1],
  ] as const) {
    const sources = `${SOURCE}${COMMAND}retained = ${retained}\n`;
    const bench = await GatewayBench.start({ sources, online: false });
    await bench.observer.publish("bench/n1/set", "ON", { qos: 1, retain: true });
    const device = await bench.connect();
    device.send("n1,hello\n");
    await bench.until(() => bench.counts().spooled === 1);
    bench.online();
    await bench.until(() => bench.counts().out === 1);
    await bench.observer.publish("bench/n1/set", "OFF", { qos: 1 });
    await bench.until(() => device.answers.includes("set 0"));
    expect(device.answers.filter((line) => line === "set 1")).toHaveLength(count);
  }
});

test("a requester gets the result at its response topic, with its correlation data", async () => {
  const { bench, command } = await start(COMMAND);
  const correlationData = new Uint8Array([1, 2, 3]);
  const responses: unknown[] = [];
  await bench.observer.subscribe("my/answers", {
    onMessage: ({ payload, properties }) =>
      responses.push([Buffer.from(payload).toString(), Buffer.from(properties.correlationData ?? []).toString("hex")]),
  });
  await command("ON", { properties: { responseTopic: "my/answers", correlationData } });
  await bench.until(() => responses.length === 1);
  expect(responses).toEqual([['{"ok":true,"ms":0}', "010203"]]);
});

test("commands outlive a reload that does not change their source, and end with their source", async () => {
  const { bench, device, results, command } = await start(COMMAND);
  await bench.gateway.reload(bench.configurationWith({ sources: `${SOURCE}${COMMAND}`, uplink: "inflight = 7" }));
  await bench.until(() => bench.gateway.status.uplink.connected);
  await command("ON");
  await bench.until(() => results().length === 1);
  expect(device.answers).toEqual(["set 1"]);
  await bench.gateway.reload(bench.configurationWith({ sources: SOURCE }));
  await command("OFF");
  await new Promise((resolve) => setImmediate(resolve));
  expect(results()).toHaveLength(1);
});

test("a reload that changes the source leaves no command without a result", async () => {
  const { bench, results } = await start(COMMAND);
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 10; i++) {
    const changed = `${SOURCE}${COMMAND}queue = ${i + 10}\n`;
    const reloaded = bench.gateway.reload(bench.configurationWith({ sources: changed }));
    let isOver = false;
    void reloaded.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      sent.push(bench.observer.publish("bench/n1/set", "WRONG", { qos: 1 }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await reloaded;
  }
  await Promise.all(sent);
  await bench.until(() => results().length >= sent.length);
  expect(results()).toHaveLength(sent.length);
});

describe("while the gateway cannot reach the device to which it connects", () => {
  const source = (port: number): string => `
[[source]]
id = "lines"
kind = "tcp"
connect = "127.0.0.1:${port}"
decode = { format = "csv", fields = ["node", "value"] }
topic = "t/{node}"
${COMMAND}
queue = 2
expiry = "20s"
`;

  test("a command waits, and is written when the device is there", async () => {
    const port = await freePort();
    const bench = await GatewayBench.start({ sources: source(port) });
    await bench.until(() => bench.gateway.status.uplink.connected);
    for (const payload of ["ON", "OFF", "ON"]) await bench.observer.publish("bench/n1/set", payload, { qos: 1 });
    const results = (): object[] => resultsOf(bench);
    await bench.until(() => results().length === 1);
    expect(results()).toEqual([{ ok: false, reason: "full" }]);
    let received = "";
    const device = createServer((socket) => {
      socket
        .on("error", () => {})
        .on("data", (bytes) => {
          received += bytes;
        });
    });
    await listening(device, port);
    onTestFinished(() => void device.close());
    await bench.until(() => received === "set 1\nset 0\n");
    await bench.until(() => results().length === 3);
  });

  test("a command that waits too long fails as offline", async () => {
    const clock = new FakeClock();
    const bench = await GatewayBench.start({ sources: source(9), clock });
    await bench.until(() => bench.gateway.status.uplink.connected);
    await clock.until(bench.observer.publish("bench/n1/set", "ON", { qos: 1 }));
    const results = (): object[] => resultsOf(bench);
    await clock.advance(20_000);
    await bench.until(() => results().length === 1);
    expect(results()).toEqual([{ ok: false, reason: "offline" }]);
  });
});

function listening(server: Server, port = 0): Promise<number> {
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

const POLLS = `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:0"
topic = "t"
[[source.poll]]
every = "10s"
jitter = 0
send = "READ?"
expect = "T="
timeout = "1s"
retries = 1
decode = { format = "text", template = "T={temp:f32}" }
topic = "house/temp"
`;

test("a poll is sent when the device connects and again after its interval; its answer is a record", async () => {
  const clock = new FakeClock();
  const bench = await GatewayBench.start({ sources: POLLS, clock });
  const device = await bench.connect();
  for (let i = 1; i <= 3; i++) {
    await bench.until(() => device.answers.length === i);
    device.send(`T=2${i}.5\n`);
    await bench.until(() => bench.messages.length === i);
    await clock.advance(10_000);
  }
  expect(device.answers.slice(0, 3)).toEqual(["READ?", "READ?", "READ?"]);
  expect(bench.messages.map(({ topic, payload }) => `${topic} ${payload}`)).toEqual([
    'house/temp {"temp":21.5}',
    'house/temp {"temp":22.5}',
    'house/temp {"temp":23.5}',
  ]);
});

test("what a device says unasked is dropped as unsolicited if only polls say what it means", async () => {
  const bench = await GatewayBench.start({ sources: POLLS });
  const device = await bench.connect();
  await bench.until(() => device.answers.length === 1);
  device.send("hello\nT=1\nT=2\n");
  await bench.until(() => bench.counts().in === 3);
  expect(bench.counts().dropped).toEqual({ unsolicited: 2 });
});

test("a poll that no device answers is logged once, and once when it is answered again", async () => {
  const clock = new FakeClock();
  const bench = await GatewayBench.start({ sources: POLLS, clock });
  const device = await bench.connect();
  await bench.until(() => device.answers.length === 1);
  const logged = () => bench.log.filter((line) => line.includes("poll"));
  for (let i = 0; i < 30; i++) await clock.advance(1_000);
  await bench.until(() => device.answers.length >= 6);
  expect(logged()).toHaveLength(1);
  const before = device.answers.length;
  await bench.until(async () => {
    await clock.advance(500);
    return device.answers.length > before;
  });
  device.send("T=1\n");
  await bench.until(() => logged().length === 2);
  expect(logged()[1]).toContain("answered again");
});
