// The gateway for a bare `qjs`, on a real one: with lines of the kernel that socat makes, BusyBox's nc and our broker.
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect, type Message } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../packages/gateway/src/sn/codec/frame.ts";
import type { SnPacket } from "../../packages/gateway/src/sn/packets.ts";
import { shown } from "../../packages/gateway/test/sn/gateway/shown.ts";
import { SerialLine } from "../../packages/gateway/test/source/serial-line.ts";
import { Child, root, run } from "../fixtures/child.ts";
import { busyBox, busyBoxFolder, childrenOf, peak } from "../fixtures/router.ts";

const bundle = join(root, "packages/cli/dist/qjs/gateway.js");
const programs = await busyBoxFolder();
afterAll(() => rm(programs, { recursive: true, force: true }));

/** The options are those of packages/gateway/openwrt. */
function gateway(args: readonly string[], input?: string, variables: Readonly<Record<string, string>> = {}): Child {
  const command = ["--no-unhandled-rejection", "--strip-source", bundle, ...args];
  const environment = { PATH: `${programs}:${process.env["PATH"]}`, ...variables };
  return new Child("gateway", "qjs", command, input === undefined ? { environment } : { input, environment });
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiko-router-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** A configuration file with these sources. */
async function configured(sources: string, port = 1, spool = ""): Promise<string> {
  const path = join(folder, "gateway.toml");
  await writeFile(
    path,
    `[gateway]
id = "router"
memory_limit = "64KiB"
[uplink]
url = "mqtt://127.0.0.1:${port}"
reconnect = { min = "20ms", max = "100ms" }
inflight = 20
[spool]
mode = "memory"
max_bytes = "1MiB"
segment = "64KiB"
${spool}
${sources}`,
  );
  return path;
}

const serial = (device: string, more = ""): string => `
[[source]]
id = "meter"
kind = "serial"
device = "${device}"
first = "keep"
decode = { format = "csv", separator = ";", fields = ["node", "n:u32"] }
topic = "house/{node}"
${more}`;

/** All messages below a topic, as they come. */
async function heard(client: Client, filter: string): Promise<Message[]> {
  const messages: Message[] = [];
  await client.subscribe(filter, { qos: 1, onMessage: (message) => void messages.push(message) });
  return messages;
}

async function server(): Promise<{ readonly broker: Broker; readonly client: Client; readonly port: number }> {
  const broker = await Broker.listen({ port: 0 });
  onTestFinished(() => broker.close());
  const client = await connect(broker.url);
  onTestFinished(() => client.disconnect());
  return { broker, client, port: Number(new URL(broker.url).port) };
}

const textsOf = (messages: readonly Message[]): string[] => messages.map((message) => message.text());

test("lines of a serial device are published, acknowledged to it, and commands are written to it", async () => {
  const { client, port } = await server();
  const [values, results] = [await heard(client, "house/+"), await heard(client, "house/+/set/relay/result")];
  const path = join(folder, "tty");
  const line = await SerialLine.plug(path);
  const source = serial(
    path,
    `acknowledge = "ok {n}\\n"
[[source.command]]
topic = "house/{node}/set/relay"
encode = { format = "text", template = "relay {value}" }`,
  );
  await using running = gateway([await configured(source, port)]);
  await running.noted("connected to the server");
  await running.noted("the source is up");
  line.send("attic;1\nattic;2\ncellar;3\n");
  await expect
    .poll(() => textsOf(values))
    .toEqual(['{"node":"attic","n":1}', '{"node":"attic","n":2}', '{"node":"cellar","n":3}']);
  await expect.poll(() => line.answers).toEqual(["ok 1", "ok 2", "ok 3"]);
  await client.publish("house/attic/set/relay", "on", { qos: 1 });
  await expect.poll(() => line.answers.at(-1)).toBe("relay on");
  await expect.poll(() => textsOf(results)[0]).toMatch(/^\{"ok":true,"ms":\d+\}$/);
});

test("a device that is unplugged is opened again when it is back, and no half frame is published", async () => {
  const { client, port } = await server();
  const values = await heard(client, "house/+");
  const states = await heard(client, "aiko/router/source/meter");
  const path = join(folder, "tty");
  let line = await SerialLine.plug(path);
  await using running = gateway([await configured(serial(path).replace('first = "keep"\n', ""), port)]);
  await running.noted("connected to the server");
  for (let n = 0; n < 5; n++) {
    await expect.poll(() => textsOf(states).at(-1)).toBe("up");
    line.send(`attic;${n}\nattic;99`);
    await expect.poll(() => values.length).toBe(n + 1);
    await line.unplug();
    await expect.poll(() => textsOf(states).at(-1)).not.toBe("up");
    line = await SerialLine.plug(path);
  }
  expect(textsOf(values)).toEqual([0, 1, 2, 3, 4].map((n) => `{"node":"attic","n":${n}}`));
});

test("what comes while the server is away is kept within the bounds, and published in order when it is back", async () => {
  const { broker, client, port } = await server();
  const path = join(folder, "tty");
  const line = await SerialLine.plug(path);
  const source = serial(path, 'acknowledge = "ok {n}\\n"\nrefuse = "no {reason}\\n"');
  await using running = gateway([await configured(source, port, 'max_records = 50\nfull = "drop-newest"')]);
  await running.noted("connected to the server");
  await running.noted("the source is up");
  await client.disconnect();
  await broker.close();
  await running.noted("the connection to the server was lost");
  for (let n = 0; n < 60; n++) {
    line.send(`attic;${n}\n`);
    await expect.poll(() => line.answers.length).toBe(n + 1);
  }
  expect(line.answers.slice(49)).toEqual(["ok 49", ...Array.from({ length: 10 }, () => "no full")]);
  await using again = await Broker.listen({ port });
  const values: number[] = [];
  // In the same turn, since the gateway connects and publishes at once.
  again.subscribe("house/+", (message) => void values.push((message.json() as { n: number }).n));
  await expect.poll(() => values.length).toBe(50);
  expect(values).toEqual(Array.from({ length: 50 }, (_, n) => n));
  running.kill("SIGUSR1");
  const status = JSON.parse((await running.noted('{"id":')).replace("aiko-gateway: ", ""));
  expect(status.spool.sources.meter).toEqual({ in: 60, out: 50, spooled: 0, dropped: { full: 10 } });
});

// The peak depends on when the kernel maps pages: 7,648 to 8,040 KiB in 25 runs.
test("a serial source, ten thousand lines and the helper take less than 8 MiB", { retry: 2 }, async () => {
  const { client, port } = await server();
  let last = "";
  await client.subscribe("house/+", {
    qos: 1,
    onMessage: (message) => {
      last = message.text();
    },
  });
  const path = join(folder, "tty");
  const line = await SerialLine.plug(path);
  await using running = gateway([await configured(serial(path), port)]);
  await running.noted("connected to the server");
  await running.noted("the source is up");
  for (let n = 0; n < 10_000; n += 100) {
    line.send(Array.from({ length: 100 }, (_, i) => `node${i};${n + i}\n`).join(""));
    await expect.poll(() => last).toBe(`{"node":"node99","n":${n + 99}}`);
  }
  const children = await childrenOf(running.process.pid);
  expect(children).toHaveLength(1);
  const [own, its] = [await peak(running.process.pid), await peak(children[0])];
  console.log(`peak memory of the gateway: qjs ${own} KiB, nc ${its} KiB, ${own + its} KiB all in`);
  expect(own + its).toBeLessThan(8 * 1024);
});

test("SIGTERM publishes offline, ends with 0 within two seconds, and leaves no helper behind", async () => {
  const { client, port } = await server();
  const states = await heard(client, "aiko/router/status");
  const path = join(folder, "tty");
  await SerialLine.plug(path);
  const source = `${serial(path)}\n[[source]]\nid = "ticker"\nkind = "exec"\nrun = ["sh", "-c", "trap '' TERM; echo 1; exec sleep 60"]\ntopic = "t"\ndecode = { format = "raw" }\npayload = "raw"`;
  await using running = gateway([await configured(source, port)]);
  await expect.poll(() => textsOf(states)).toContain("online");
  await running.noted("source=ticker");
  const helpers = await childrenOf(running.process.pid);
  expect(helpers).toHaveLength(2);
  const began = performance.now();
  running.kill("SIGTERM");
  expect(await running.code()).toBe(0);
  expect(performance.now() - began).toBeLessThan(30_000); // 2 s, and what a busy machine adds; the helper would run for 60 s
  await expect.poll(() => textsOf(states).at(-1)).toBe("offline");
  // A process that was killed ends a moment later.
  await expect.poll(() => helpers.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]);
});

test("a helper that does nothing is killed when the gateway ends", async () => {
  const path = await configured(serial(join(folder, "none")));
  await using running = gateway([path], undefined, { MQTT_HELPER: "sleep 60" });
  await running.noted("the source is down");
  await expect.poll(() => childrenOf(running.process.pid)).toHaveLength(1);
  const [helper] = await childrenOf(running.process.pid);
  running.kill("SIGTERM");
  expect(await running.code()).toBe(0);
  await expect.poll(() => existsSync(`/proc/${helper}/exe`)).toBe(false);
});

test("SIGHUP reads the configuration again: a bad one changes nothing, a good one starts and stops sources", async () => {
  const { client, port } = await server();
  const values = await heard(client, "+/attic");
  const path = join(folder, "tty");
  const line = await SerialLine.plug(path);
  const file = await configured(serial(path), port);
  await using running = gateway([file]);
  await running.noted("the source is up");
  await writeFile(file, "[gateway]\nidd = 1\n");
  running.kill("SIGHUP");
  await running.noted("the configuration was not reloaded");
  expect(running.notes.join("\n")).toContain("gateway.toml:2: gateway.idd: unknown key");
  await configured(serial(path).replace("house/", "home/"), port);
  running.kill("SIGHUP");
  await running.noted("the configuration was reloaded");
  line.send("attic;1\n");
  await expect.poll(() => values.map(({ topic }) => topic)).toEqual(["home/attic"]);
});

test("a command's lines are published, its errors logged, and it is started again", async () => {
  const { client, port } = await server();
  const values = await heard(client, "count");
  const script = 'echo "$GREETING"; echo oops >&2; exit 3';
  const source = `[[source]]
id = "script"
kind = "exec"
run = ["sh", "-c", '${script}']
env = { GREETING = "hello" }
restart = { min = "10ms", max = "20ms" }
first = "keep"
topic = "count"
decode = { format = "raw" }
payload = "raw"`;
  await using running = gateway([await configured(source, port)]);
  await running.noted("the command reports source=script line=oops");
  await running.noted("the command ended with the exit code 3");
  await expect.poll(() => values.length).toBeGreaterThan(2);
  expect(new Set(textsOf(values))).toEqual(new Set(["hello"]));
});

test("a device is reached by TCP with a helper, and again after it was away", async () => {
  const { client, port } = await server();
  const values = await heard(client, "house/+");
  const sockets: Socket[] = [];
  const device = createServer((socket) => sockets.push(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => device.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void device.close());
  const { port: devicePort } = device.address() as { port: number };
  const source = serial("x").replace(
    'kind = "serial"\ndevice = "x"',
    `kind = "tcp"\nconnect = "127.0.0.1:${devicePort}"`,
  );
  await using running = gateway([await configured(source, port)]);
  await running.noted("connected to the server");
  for (const n of [0, 1]) {
    await expect.poll(() => sockets.length).toBe(n + 1);
    sockets[n]?.write(`attic;${n}\n`);
    await expect.poll(() => values.length).toBe(n + 1);
    sockets[n]?.destroy();
  }
  expect(textsOf(values)).toEqual(['{"node":"attic","n":0}', '{"node":"attic","n":1}']);
});

test("standard input is published, and the gateway ends with it", async () => {
  const { client, port } = await server();
  const values = await heard(client, "house/+");
  const source = serial("x").replace('kind = "serial"\ndevice = "x"', 'kind = "stdin"');
  const { code } = await run(gateway([await configured(source, port)], "attic;1\nattic;2\n"));
  expect(code).toBe(0);
  await expect.poll(() => textsOf(values)).toEqual(['{"node":"attic","n":1}', '{"node":"attic","n":2}']);
});

test.each(["transparent", "aggregating"])("an MQTT-SN client on a serial line is served, %s", async (mode) => {
  const { client, port } = await server();
  const values = await heard(client, "ab");
  const path = join(folder, "radio");
  const line = await SerialLine.plug(path);
  const source = `[[source]]\nid = "sn"\nkind = "mqtt-sn"\ndevice = "${path}"\nmode = "${mode}"\nadvertise = 0`;
  await using running = gateway([await configured(source, port)]);
  await running.noted("connected to the server");
  await running.noted("the source is up");
  const ask = async (packet: SnPacket, length: number): Promise<string | undefined> => {
    line.received = "";
    line.send(encodeFrame(packet));
    await expect.poll(() => line.received.length).toBeGreaterThanOrEqual(length);
    const { packet: answer } = decodeFrame(Buffer.from(line.received, "latin1"));
    return answer && shown(answer);
  };
  const session = { will: false, cleanSession: true, protocolId: 1, duration: 60 } as const;
  expect(await ask({ type: "connect", clientId: "radio", ...session }, 3)).toBe("connack 0");
  const message = { messageId: 7, qos: 1, dup: false, retain: false, data: Buffer.from("21.5") } as const;
  const topic = { kind: "short", name: "ab" } as const;
  expect(await ask({ type: "publish", topic, ...message }, 7)).toBe(`puback ${0x6162} #7 0`);
  await expect.poll(() => textsOf(values)).toEqual(["21.5"]);
  const filter = { kind: "short", name: "cd" } as const;
  expect(await ask({ type: "subscribe", topic: filter, messageId: 8, qos: 0, dup: false }, 8)).toBe(
    "suback 0 #8 0 qos 0",
  );
  line.received = "";
  await client.publish("cd", "on", { qos: 1 });
  await expect.poll(() => line.received.length).toBe(9);
  const { packet } = decodeFrame(Buffer.from(line.received, "latin1"));
  expect(packet && shown(packet)).toBe("publish cd #0 qos 0 on");
});

test("a configuration that is not valid gives one clear line for each problem, and exit code 78", async () => {
  const path = await configured(`${serial("/dev/ttyS0")}\nspeed = 9600`);
  const { code, notes, lines } = await run(gateway([path]));
  expect([code, notes, lines]).toEqual([
    78,
    [expect.stringMatching(/gateway\.toml:\d+: source\[0\]\.speed: unknown key/)],
    [],
  ]);
  const missing = await run(gateway([join(folder, "none.toml")]));
  expect([missing.code, missing.notes]).toEqual([
    78,
    [expect.stringContaining("none.toml: No such file or directory")],
  ]);
});

test("what a bare qjs does not have is refused with what to use instead, and exit code 78", async () => {
  const path = await configured(`
[metrics]
listen = "127.0.0.1:9464"
[[source]]
id = "u"
kind = "udp"
max_frame = "1KiB"
listen = "127.0.0.1:9999"
topic = "u"
decode = { format = "raw" }
payload = "raw"`);
  const { code, notes } = await run(gateway(["check", path]));
  expect(code).toBe(78);
  expect(notes).toEqual([
    expect.stringContaining("metrics: QuickJS cannot listen; remove the section"),
    expect.stringContaining('source "u": kind "udp" is not supported on QuickJS, which cannot listen; the kinds are'),
  ]);
});

test("check accepts a good configuration, a wrong call shows the usage", async () => {
  const good = await run(gateway(["check", await configured(serial("/dev/ttyS0"))]));
  expect([good.code, good.lines]).toEqual([0, [expect.stringContaining("the configuration is valid")]]);
  const wrong = await run(gateway(["--what"]));
  expect([wrong.code, wrong.notes[0]]).toEqual([1, expect.stringContaining("usage: aiko-gateway")]);
  const help = await run(gateway(["--help"]));
  expect([help.code, help.lines[0]]).toEqual([0, expect.stringContaining("usage: aiko-gateway")]);
});

test("BusyBox's stty sets the line too", async () => {
  const { client, port } = await server();
  const values = await heard(client, "house/+");
  await symlink(busyBox(), join(folder, "stty"));
  const path = join(folder, "tty");
  const line = await SerialLine.plug(path);
  await using running = gateway([await configured(serial(path), port)], undefined, {
    PATH: `${folder}:${process.env["PATH"]}`,
  });
  await running.noted("the source is up");
  line.send("attic;1\n");
  await expect.poll(() => values.length).toBe(1);
});

test("a missing device is reported once, and opened when it comes", async () => {
  const { client, port } = await server();
  const values = await heard(client, "house/+");
  const path = join(folder, "tty");
  await using running = gateway([await configured(serial(join(folder, "tt*")), port)]);
  await running.noted("no device matches");
  const line = await SerialLine.plug(path);
  await running.noted("the source is up");
  line.send("attic;1\n");
  await expect.poll(() => values.length).toBe(1);
  expect(running.notes.filter((each) => each.includes("no device matches"))).toHaveLength(1);
});
