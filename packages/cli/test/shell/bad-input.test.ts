// What may go wrong for `pub` and `sub`: one clear line, the right exit code, and nothing acknowledged is lost.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Message } from "@aiko/mqtt";
import { Broker, type BrokerMessage } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child, root, run } from "../../../../test/fixtures/child.ts";
import { freePort } from "../../../../test/fixtures/free-port.ts";

const program = `"${process.execPath}" "${join(root, "packages/cli/dist/bin/aiko-mqtt.cjs")}"`;

let broker: Broker;
let folder: string;
beforeAll(async () => {
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
  folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-bad-"));
});
afterAll(async () => {
  await broker.close();
  rmSync(folder, { recursive: true });
});

const shell = (line: string): Child => new Child("sh", "sh", ["-c", line]);
const at = (): string => `-p ${broker.port}`;

/** Creates a pipe with a name, which is read when it is written. */
async function fifo(name: string): Promise<string> {
  const path = join(folder, name);
  await run(new Child("mkfifo", "mkfifo", [path]));
  return path;
}

/** Collects what a topic receives while `publish` runs, until there are so many messages. */
async function heard(topic: string, count: number, publish: () => Promise<unknown>): Promise<Message[]> {
  await using client = await connect(broker.url);
  const messages: Message[] = [];
  await client.subscribe(topic, { qos: 2, onMessage: (message) => void messages.push(message) });
  await publish();
  await expect.poll(() => messages.length).toBe(count);
  return messages;
}

test("pub -l takes a line of 10 MB, and lines without any text", async () => {
  const line = "x".repeat(10_000_000);
  const messages = await heard("long", 3, async () => {
    const outcome = await run(
      Child.command("aiko-mqtt", ["pub", "-p", `${broker.port}`, "-t", "long", "-l", "-q", "1"], {
        input: `${line}\n\nend`,
      }),
    );
    expect(outcome).toEqual({ code: 0, lines: [], notes: [] });
  });
  expect(messages.map(({ payload }) => payload.length)).toEqual([10_000_000, 0, 3]);
});

test("pub -l takes many long lines, without a limit for their sum", async () => {
  const line = "x".repeat(3_000_000);
  const messages = await heard("many-long", 40, async () => {
    const input = `${line}\n`.repeat(40);
    const child = Child.command("aiko-mqtt", ["pub", "-p", `${broker.port}`, "-t", "many-long", "-l", "-q", "1"], {
      input,
    });
    expect(await run(child)).toEqual({ code: 0, lines: [], notes: [] });
  });
  expect(messages.every(({ payload }) => payload.length === line.length)).toBe(true);
});

test.each(["0", "1", "2"])("pub -s and -l take binary data at QoS %s", async (qos) => {
  const path = join(folder, "binary");
  const bytes = Uint8Array.from({ length: 2_000 }, (_, i) => i % 256);
  writeFileSync(path, bytes);
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const messages = await heard(`binary/${qos}`, 1 + lines.length, async () => {
    for (const way of ["-s", "-l"])
      expect(await run(shell(`${program} pub ${at()} -t binary/${qos} -q ${qos} ${way} < ${path}`))).toMatchObject({
        code: 0,
      });
  });
  const received = messages.map(({ payload }) => Buffer.from(payload).toString("latin1"));
  expect(received).toEqual([lines.join("\n"), ...lines]);
});

test("a file of 300 MB is too long for a message", async () => {
  const path = join(folder, "large");
  writeFileSync(path, "");
  truncateSync(path, 300_000_000);
  const file = await run(shell(`${program} pub ${at()} -t a -f ${path}`));
  expect(file).toEqual({
    code: 1,
    lines: [],
    notes: [`aiko-mqtt pub: --file ${path}: it has 300000000 bytes; a message can have 268435455`],
  });
  const input = await run(shell(`${program} pub ${at()} -t a -s < ${path}`));
  expect(input).toMatchObject({ code: 1, notes: ["aiko-mqtt pub: the input has more than 268435455 bytes"] });
  const line = await run(shell(`${program} pub ${at()} -t a -l < ${path}`));
  expect(line).toMatchObject({ code: 1, notes: ["aiko-mqtt pub: a line has more than 268435455 bytes"] });
});

test("a message that is too long for the server is reported", async () => {
  const path = join(folder, "medium");
  writeFileSync(path, "");
  truncateSync(path, 80_000_000);
  const { code, notes } = await run(shell(`${program} pub ${at()} -t a -q 1 -f ${path}`));
  expect(code).not.toBe(0);
  expect(notes).toEqual([expect.stringContaining("67108864")]);
});

test.each([
  ["pub -s < /", "standard input: is a directory"],
  ["pub -l < /", "standard input: is a directory"],
  ["pub -f /", "--file /: "],
  ["pub -f /nonexistent", "--file /nonexistent: ENOENT"],
  ["sub --cafile /nonexistent", "--cafile /nonexistent: file not found"],
  ["sub --capath /nonexistent", "--capath /nonexistent: ENOENT"],
  ["sub -u a --password-file /nonexistent", "--password-file /nonexistent: ENOENT"],
  ["sub -o /nonexistent", "--options-file /nonexistent: file not found"],
  ["sub -o /", "/: EISDIR"],
  ["pub -m a -n", "--message cannot be combined with --null-message"],
  ["pub -m a --tls-version tlsv1.1", "--tls-version tlsv1.1: must be tlsv1.2 or tlsv1.3"],
  ["pub -m a --ciphers none", "--ciphers none: OpenSSL has none of these ciphers"],
])("%s: one line and exit code 1", async (line, why) => {
  const { code, lines, notes } = await run(shell(`${program} ${line} ${at()} -t a`));
  expect([code, lines]).toEqual([1, []]);
  expect(notes).toEqual([expect.stringContaining(why)]);
});

test.each(["pub -m a", "sub"])("%s rejects a topic that is not UTF-8", async (command) => {
  const { code, notes } = await run(shell(`${program} ${command} ${at()} -t "$(printf 'a\\377')"`));
  expect([code, notes]).toEqual([1, [expect.stringMatching(/^aiko-mqtt (pub|sub): topic(Name|Filter) /)]]);
});

test.each(["-u me -P s3cret", "-L mqtt://me:s3cret@127.0.0.1:PORT/a"])("%s causes a warning", async (options) => {
  const isUrl = options.startsWith("-L");
  const line = isUrl ? options.replace("PORT", `${broker.port}`) : `${at()} -t a ${options}`;
  const { code, notes } = await run(shell(`${program} pub -m x ${line}`));
  expect([code, notes]).toEqual([
    0,
    [
      `aiko-mqtt pub: warning: other users of this machine can see the secret in ${isUrl ? "--url" : "--password"} with ps; use MQTT_PASSWORD in the environment instead`,
    ],
  ]);
});

test("a password of a file or of the environment causes no warning", async () => {
  const path = join(folder, "password");
  writeFileSync(path, "s3cret\n", { mode: 0o600 });
  const file = await run(shell(`${program} pub ${at()} -t a -m x -u me --password-file ${path}`));
  expect(file).toEqual({ code: 0, lines: [], notes: [] });
  const variable = await run(shell(`MQTT_PASSWORD=s3cret ${program} pub ${at()} -t a -m x -u me`));
  expect(variable).toEqual({ code: 0, lines: [], notes: [] });
});

test("sub | head -1 ends after one line", async () => {
  await using pipe = shell(`${program} sub ${at()} -t head -d | head -1`);
  await pipe.noted("debug: subscribed");
  // sub notices the closed pipe when it writes.
  const timer = setInterval(() => broker.publish("head", "line"), 20);
  expect(await pipe.code()).toBe(0);
  clearInterval(timer);
  expect(pipe.lines).toEqual(["line"]);
});

test("after -C, later messages are not acknowledged", async () => {
  const args = ["-p", `${broker.port}`, "-t", "rest", "-q", "1", "-c", "-i", "counting"];
  await run(Child.command("aiko-mqtt", ["sub", ...args, "-E"]));
  for (let i = 0; i < 10; i++) broker.publish("rest", `${i}`, { qos: 1 });
  const lines: string[] = [];
  for (const count of [1, 3, 6]) {
    const outcome = await run(Child.command("aiko-mqtt", ["sub", ...args, "-C", `${count}`]));
    expect(outcome).toMatchObject({ code: 0, notes: [] });
    lines.push(...outcome.lines);
  }
  expect(lines).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

test("pub -l continues when the server is back", async () => {
  const accepted = new Set<string>();
  const onPublish = (message: BrokerMessage) => {
    accepted.add(Buffer.from(message.payload).toString());
    return undefined;
  };
  const first = await Broker.listen({ host: "127.0.0.1", port: await freePort(), onPublish });
  const { port } = first;
  const gate = await fifo("gate");
  await using publisher = shell(
    `(seq 2000; read -r go < ${gate}; seq 2001 4000) | ${program} pub -p ${port} -t lines -l -q 1`,
  );
  await expect.poll(() => accepted.size).toBeGreaterThan(0);
  await first.close();
  await publisher.noted("retrying in");
  writeFileSync(gate, "go\n");
  await using _second = await Broker.listen({ host: "127.0.0.1", port, onPublish });
  expect(await publisher.code()).toBe(0);
  expect([...accepted].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 4_000 }, (_, i) => i + 1));
});

test("pub -l can be limited in time if the server does not come back", async () => {
  const first = await Broker.listen({ host: "127.0.0.1", port: 0 });
  const gate = await fifo("endless");
  const connected = first.waitFor("connected");
  await using publisher = shell(`(echo 1; cat ${gate}) | ${program} pub -p ${first.port} -t a -l -q 1 -W 3`);
  await connected;
  await first.close();
  await publisher.noted("timed out after 3 s");
  writeFileSync(gate, ""); // ends cat, which keeps the shell
  expect(await publisher.code()).toBe(27);
});

test("a single message fails if its server goes away", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let isConnected = false;
    socket.on("data", () => {
      if (isConnected) socket.destroy();
      else socket.write(Uint8Array.of(0x20, 0x03, 0, 0, 0)); // CONNACK of MQTT 5
      isConnected = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { code, notes } = await run(shell(`${program} pub -p ${port} -V 5 -t a -m x -q 1`));
  expect(code).toBe(1);
  expect(notes).toHaveLength(1);
  await new Promise((resolve) => server.close(resolve));
});

test("of two sub with one identifier, the first one ends and names it", async () => {
  const line = `${program} sub ${at()} -d -t a -i twin`;
  await using first = shell(`exec ${line}`);
  await first.noted("debug: subscribed");
  await using second = shell(`exec ${line}`);
  expect(await first.code()).not.toBe(0);
  expect(first.complaints).toEqual([expect.stringContaining('"twin"')]);
  await second.noted("debug: subscribed");
  second.kill("SIGINT");
  expect(await second.code()).toBe(0);
});
