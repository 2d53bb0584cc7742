// The commands as users run them: child processes, from the build, against the embedded broker.
import { createPrivateKey } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { Child, type CommandName, root, run } from "../../../test/fixtures/child.ts";
import { freePort } from "../../../test/fixtures/free-port.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => broker.close());

const port = () => ["-p", String(broker.port)];
const commands: CommandName[] = ["mqtt_publish", "mqtt_subscribe", "mqtt_test", "aiko-mqtt"];
const { version } = await import("../package.json", { with: { type: "json" } }).then((module) => module.default);

test.each(commands)("%s --help prints the help on standard output", async (command) => {
  for (const argument of ["--help", "-h"]) {
    const { code, lines, notes } = await run(Child.command(command, [argument]));
    expect(lines[0]).toMatch(new RegExp(`^usage: ${command} `));
    expect([code, notes]).toEqual([0, []]);
  }
});

test("aiko-mqtt help equals aiko-mqtt --help", async () => {
  expect(await run(Child.command("aiko-mqtt", ["help"]))).toEqual(await run(Child.command("aiko-mqtt", ["--help"])));
  const explained = await run(Child.command("aiko-mqtt", ["help", "sub"]));
  expect(explained).toEqual(await run(Child.command("aiko-mqtt", ["sub", "--help"])));
});

test.each([["--help"], ["ping", "--help"], ["explain", "--help"], ["completion", "--help"]])(
  "the help of aiko-mqtt %s has at most 80 columns",
  async (...argv) => {
    const { lines } = await run(Child.command("aiko-mqtt", argv));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  },
);

test.each(commands)("%s --version", async (command) => {
  const shown = await run(Child.command(command, ["--version"]));
  expect(shown).toEqual({ code: 0, lines: [`${command} ${version}`], notes: [] });
});

test.each([
  ["mqtt_publish", ["-t", "a", "-m", "b", "--bogus"], "unknown option --bogus"],
  ["mqtt_publish", ["-t", "a", "-m", "b", "-p", "99999"], "--port 99999: must be an integer from 1 to 65535"],
  ["mqtt_publish", ["-m", "b"], "missing required option --topic"],
  ["mqtt_publish", ["-t", "a"], "missing required option --message"],
  ["mqtt_publish", ["-t", "a", "-m"], "option -m requires a value: -m MESSAGE"],
  ["mqtt_publish", ["-t", "a", "-m", "b", "-q", "3"], "qos 3: must be 0, 1 or 2"],
  ["mqtt_publish", ["-t", "a/+", "-m", "b"], '"a/+"'],
  ["mqtt_publish", ["-t", "", "-m", "b"], "option -t: must not be empty"],
  ["mqtt_publish", ["-t", "a", "-t", "b", "-m", "c"], 'option --topic (-t) was specified twice, as "a" and "b"'],
  [
    "mqtt_publish",
    ["-t", "a", "-m", "b", "-P", "secret", "-P", "secret"],
    "option --password (-P) was specified twice;",
  ],
  ["mqtt_subscribe", ["-t", "a", "-q", "1", "-q", "2"], 'option --qos (-q) was specified twice, as "1" and "2"'],
  ["aiko-mqtt", ["broker", "-p", "0", "--port", "1"], 'option --port was specified twice, as "0" and "1"'],
  ["mqtt_publish", ["-t", "a", "-m", "b", "-V", "31", "-i", "x".repeat(24)], "24 characters"],
  ["mqtt_publish", ["-t", "a", "-m", "b", "--url", "http://server"], '"http://server"'],
  ["mqtt_publish", ["-t", "a", "-m", "b", "--url", "mqtt://me:secret@a:99999"], '"mqtt://***@a:99999"'],
  ["mqtt_publish", ["-t", "a", "-m", "b", "-w", "w/#", "--will_message", "x"], '"w/#"'],
  ["mqtt_subscribe", [], "missing required option --topic"],
  ["mqtt_subscribe", ["-t", "a/#/b"], '"a/#/b"'],
  ["mqtt_subscribe", ["-t", "a", "-k", "70000"], "keepalive 70000: must be an integer from 0 to 65535"],
  ["mqtt_subscribe", ["-t", "a", "-m", "b"], "unknown option -m"],
  ["mqtt_test", ["-s", "a#"], '"a#"'],
  ["mqtt_test", ["-t", "#"], '"#"'],
  ["mqtt_test", ["one", "two"], 'unexpected argument "two"'],
  ["mqtt_test", ["-p", "0"], "port 0: must be an integer from 1 to 65535"],
  ["aiko-mqtt", [], "missing command"],
  ["aiko-mqtt", ["frobnicate"], 'unknown command "frobnicate"'],
  ["aiko-mqtt", ["pbu"], 'unknown command "pbu"; did you mean "pub"?'],
  ["aiko-mqtt", ["help", "frobnicate"], 'unknown command "frobnicate"'],
  ["aiko-mqtt", ["--bogus"], "unknown option --bogus"],
  ["mqtt_publish", ["-t", "a", "-m", "b", "--qs", "1"], "unknown option --qs; did you mean --qos?"],
  ["mqtt_publish", ["-t", "a", "-m", "b", "-h", "localhost:1884"], 'host "localhost:1884": pass the port with -p 1884'],
  ["mqtt_test", ["localhost:1884"], 'host "localhost:1884": pass the port with -p 1884'],
  ["aiko-mqtt", ["broker", "-h", "0.0.0.0:1884"], 'host "0.0.0.0:1884": pass the port with -p 1884'],
  ["aiko-mqtt", ["broker", "--unix", "/a", "-p", "1"], "--unix cannot be combined with --port"],
  ["aiko-mqtt", ["broker", "--unix", "/a", "-h", "b"], "--unix cannot be combined with --host"],
  ["aiko-mqtt", ["broker", "--port", "99999"], "--port 99999: must be an integer from 0 to 65535"],
] satisfies [CommandName, string[], string][])("%s %j: one line and exit code 1", async (command, args, words) => {
  const { code, lines, notes } = await run(Child.command(command, args));
  expect(notes).toEqual([expect.stringContaining(words)]);
  expect(notes[0]).toMatch(new RegExp(`^${command}[ :]`));
  expect(notes[0]).not.toContain("secret");
  expect([code, lines]).toEqual([1, []]);
});

test.each([
  ["mqtt_publish", ["-t", "a", "-m", "b"]],
  ["mqtt_subscribe", ["-t", "a"]],
  ["mqtt_test", []],
] satisfies [CommandName, string[]][])(
  "%s reports in one line that the server is not reachable",
  async (command, args) => {
    const free = await freePort();
    const { code, notes } = await run(Child.command(command, [...args, "-p", `${free}`]));
    expect(notes).toEqual([expect.stringContaining(`mqtt://localhost:${free}`)]);
    expect(code).toBe(1);
  },
);

test("a server that never answers is reported within a few seconds", async () => {
  const mute = await listen();
  const { code, notes } = await run(Child.command("mqtt_publish", ["-t", "a", "-m", "b", "-p", mute.port]));
  await close(mute.server);
  expect(notes).toEqual([expect.stringContaining("no CONNACK within")]);
  expect(code).toBe(1);
});

test("a server that uses another protocol is reported", async () => {
  const web = await listen((text) => (text ? "HTTP/1.1 400 Bad Request\r\n\r\n" : undefined));
  const { code, notes } = await run(Child.command("mqtt_publish", ["-t", "a", "-m", "b", "-p", web.port]));
  await close(web.server);
  expect(notes).toHaveLength(1);
  expect(code).toBe(1);
});

test.each(["0", "1", "2"])("mqtt_publish to mqtt_subscribe at QoS %s", async (qos) => {
  const topic = `flow/${qos}`;
  await using subscriber = await Child.subscriber([...port(), "-t", "flow/+", "-q", qos]);
  for (const message of ["hello", "-5", "it's", "", "grüße ☃"]) {
    const published = await run(Child.command("mqtt_publish", [...port(), "-t", topic, "-m", message, "-q", qos]));
    expect(published).toEqual({ code: 0, lines: [], notes: [] });
    await subscriber.said(`Topic: ${topic}, message: '${message}'`);
  }
  subscriber.kill("SIGINT");
  expect(await subscriber.code()).toBe(0);
  expect(subscriber.lines).toHaveLength(5);
  expect(subscriber.complaints).toEqual([]);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "mqtt_subscribe reports DISCONNECT after %s and exits with 0",
  async (signal) => {
    await using watcher = await Child.subscriber([...port(), "-t", "last/#"]);
    const id = `leaves-${signal}`;
    const will = ["-w", "last/will", "--will_message", "gone"];
    await using subscriber = await Child.subscriber([...port(), "-t", "a", "-i", id, ...will]);
    subscriber.kill(signal);
    expect(await subscriber.code()).toBe(0);
    expect(await run(Child.command("mqtt_publish", [...port(), "-t", "last/word", "-m", signal]))).toMatchObject({
      code: 0,
    });
    await watcher.said(`Topic: last/word, message: '${signal}'`);
    expect(watcher.lines).toHaveLength(1);
  },
);

test("mqtt_subscribe leaves its will when it is killed", async () => {
  await using watcher = await Child.subscriber([...port(), "-t", "testament"]);
  await using subscriber = await Child.subscriber([...port(), "-t", "a", "-w", "testament", "--will_message=gone"]);
  subscriber.kill("SIGKILL");
  await watcher.said("Topic: testament, message: 'gone'");
});

test("mqtt_subscribe takes several topics, and prints a message once", async () => {
  await using subscriber = await Child.subscriber([...port(), "-t", "many/a", "-t", "many/#"]);
  for (const topic of ["many/a", "many/b", "many/end"]) {
    await run(Child.command("mqtt_publish", [...port(), "-t", topic, "-m", "x"]));
  }
  await subscriber.said("many/end");
  expect(subscriber.lines).toEqual(["many/a", "many/b", "many/end"].map((topic) => `Topic: ${topic}, message: 'x'`));
});

test("mqtt_subscribe reconnects and reports it", async () => {
  const first = await Broker.listen({ port: await freePort() });
  const { port, url } = first;
  await using subscriber = await Child.subscriber(["--url", url, "-t", "again"]);
  await first.close();
  await subscriber.noted("retrying in");
  await using second = await Broker.listen({ port });
  await subscriber.noted(`reconnected to ${second.url}`);
  await run(Child.command("mqtt_publish", ["--url", url, "-t", "again", "-m", "back", "-r"]));
  await subscriber.said("Topic: again, message: 'back'");
});

test("mqtt_subscribe ends when another client takes its identifier, and names the identifier", async () => {
  await using first = await Child.subscriber([...port(), "-t", "a", "-i", "twin"]);
  await using second = await Child.subscriber([...port(), "-t", "a", "-i", "twin"]);
  expect(await first.code()).toBe(1);
  expect(first.complaints).toEqual([expect.stringContaining('"twin"')]);
  second.kill("SIGINT");
  expect(await second.code()).toBe(0);
});

test("mqtt_subscribe interprets connections that soon close as a duplicate identifier only if its identifier was set", async () => {
  const fickle = await listen(() => "\x20\x02\0\0"); // CONNACK of MQTT 3.1.1, and then the connection ends
  const args = ["-t", "a", "-p", fickle.port, "-V", "311"];
  await using drawn = Child.command("mqtt_subscribe", args);
  await using chosen = Child.command("mqtt_subscribe", [...args, "-i", "twin"]);
  expect(await chosen.code()).toBe(1);
  expect(chosen.notes.at(-1)).toContain('"twin"');
  await drawn.noted("keeps closing the connection");
  await drawn.noted("connected to");
  drawn.kill("SIGINT");
  expect(await drawn.code()).toBe(0);
  await close(fickle.server);
});

test("without --id, two processes of one command can run at the same time", async () => {
  await using one = await Child.subscriber([...port(), "-t", "side"]);
  await using other = await Child.subscriber([...port(), "-t", "side"]);
  const publishing = [1, 2].map(() =>
    run(Child.command("mqtt_publish", [...port(), "-t", "side", "-m", "x", "-q", "1"])),
  );
  expect((await Promise.all(publishing)).map(({ code, notes }) => [code, notes])).toEqual([
    [0, []],
    [0, []],
  ]);
  for (const subscriber of [one, other]) {
    expect((await subscriber.saidLines(2)).slice(0, 2)).toEqual(Array(2).fill("Topic: side, message: 'x'"));
    expect(subscriber.complaints).toEqual([]);
  }
});

test("mqtt_test publishes to test/1 each second, prints messages of test/2, and ends on quit", async () => {
  await using subscriber = await Child.subscriber([...port(), "-t", "test/1"]);
  await using tester = Child.command("mqtt_test", [...port(), "localhost"]);
  await subscriber.said("Topic: test/1");
  for (const message of ["hello", "quit"])
    await run(Child.command("mqtt_publish", [...port(), "-t", "test/2", "-m", message]));
  expect(await tester.code()).toBe(0);
  expect(tester.lines).toEqual(["Topic: test/2, message: 'hello'", "Topic: test/2, message: 'quit'"]);
  expect(tester.notes).toEqual([]);
});

test("mqtt_test uses other topics if they are given, and also ends on ^C", async () => {
  await using subscriber = await Child.subscriber([...port(), "-t", "mine/#"]);
  await using tester = Child.command("mqtt_test", [...port(), "-d", "--topic_p=mine/out", "-s", "mine/in"]);
  await subscriber.said("Topic: mine/out");
  await run(Child.command("mqtt_publish", [...port(), "-t", "mine/in", "-m", "hello"]));
  await tester.said("Topic: mine/in, message: 'hello'");
  tester.kill("SIGINT");
  expect(await tester.code()).toBe(0);
});

test("standard output is data only, also with -d, and no password is shown", async () => {
  const secret = "correct horse";
  const environment = { MQTT_PASSWORD: secret };
  const args = [...port(), "-d", "-t", "a", "-m", "b", "-q", "1", "-u", "me"];
  for (const child of [
    Child.command("mqtt_publish", args, { environment }),
    Child.command("mqtt_publish", [...args, "-P", secret]),
  ]) {
    const { code, lines, notes } = await run(child);
    expect([code, lines]).toEqual([0, []]);
    expect(notes).toContainEqual(expect.stringContaining("received PUBACK"));
    expect(notes.join("\n")).toContain("MQTT 5.0");
    expect(notes.join("\n")).not.toContain(secret);
  }
});

test.each<[string, string[], number]>([
  ["-P", ["-u", "me", "-P", "s3cret"], 1],
  ["--url", ["--url", "mqtt://me:s3cret@127.0.0.1:PORT"], 1],
  ["MQTT_PASSWORD", ["-u", "me"], 0],
])("a password given by %s causes the warning %j %d times, and is never shown", async (_, options, warnings) => {
  const args = options.map((each) => each.replace("PORT", String(broker.port)));
  const at = options.includes("--url") ? [] : port();
  const environment = { MQTT_PASSWORD: "s3cret" };
  const child = Child.command("mqtt_publish", [...at, ...args, "-t", "a", "-m", "b"], { environment });
  const { code, lines, notes } = await run(child);
  expect([code, lines]).toEqual([0, []]);
  expect(notes.filter((note) => note.includes("warning: other users of this machine can see"))).toHaveLength(warnings);
  expect(notes).toHaveLength(warnings);
  expect([...lines, ...notes].join("\n")).not.toContain("s3cret");
});

test("mqtt_subscribe ends without an error when its reader exits", async () => {
  await using subscriber = await Child.subscriber([...port(), "-t", "head"]);
  subscriber.process.stdout?.destroy();
  const publish = () => run(Child.command("mqtt_publish", [...port(), "-t", "head", "-m", "x"]));
  await publish();
  await publish();
  expect(await subscriber.code()).toBe(0);
  expect(subscriber.complaints).toEqual([]);
});

test("aiko-mqtt publishes and subscribes", async () => {
  await using subscriber = Child.command("aiko-mqtt", ["sub", ...port(), "-d", "-t", "umbrella"]);
  await subscriber.noted("debug: subscribed");
  expect(await run(Child.command("aiko-mqtt", ["pub", ...port(), "-t", "umbrella", "-m", "x"]))).toMatchObject({
    code: 0,
  });
  await subscriber.said("x");
  subscriber.kill("SIGINT");
  expect(await subscriber.code()).toBe(0);
  const { notes } = await run(Child.command("aiko-mqtt", ["publish", "-t", "a"]));
  expect(notes).toEqual([expect.stringMatching(/^aiko-mqtt publish: missing what to publish: --message, --file/)]);
});

test("aiko-mqtt broker prints its URLs and ends on ^C", async () => {
  await using server = Child.command("aiko-mqtt", ["broker", "--port", "0"]);
  const [, url = ""] = /^listening on (mqtt:\/\/127\.0\.0\.1:\d+)$/.exec(await server.said("listening on")) ?? [];
  await using subscriber = await Child.subscriber(["--url", url, "-t", "a"]);
  expect(await run(Child.command("mqtt_publish", ["--url", url, "-t", "a", "-m", "b"]))).toMatchObject({ code: 0 });
  await subscriber.said("Topic: a, message: 'b'");

  const taken = await run(Child.command("aiko-mqtt", ["broker", "-p", new URL(url).port]));
  expect(taken).toEqual({ code: 1, lines: [], notes: [expect.stringContaining("in use")] });
  server.kill("SIGINT");
  expect(await server.code()).toBe(0);
  expect(server.notes).toEqual([]);
});

test("aiko-mqtt broker names addresses that all hosts can reach, and also takes WebSockets", async () => {
  await using server = Child.command("aiko-mqtt", [
    "broker",
    "-h",
    "0.0.0.0",
    "-p0",
    "--websocket-port",
    "0",
    "--allow-anonymous",
  ]);
  const lines = (await server.saidLines(2)).map((line) => line.replace(/\d+$/, "PORT"));
  expect(lines).toEqual(["listening on mqtt://0.0.0.0:PORT", "listening on ws://0.0.0.0:PORT"]);
  await server.noted(
    "aiko-mqtt broker: warning: 0.0.0.0 means every address of this machine, and the broker does not require a password",
  );
  for (const line of server.lines) {
    const url = line.replace("listening on ", "").replace("0.0.0.0", "127.0.0.1");
    expect(await run(Child.command("mqtt_publish", ["--url", url, "-t", "a", "-m", "b"]))).toMatchObject({ code: 0 });
  }
  server.kill("SIGINT");
  expect(await server.code()).toBe(0);
});

test("aiko-mqtt broker accepts web pages only of the other hosts that are listed", async () => {
  const argv = [
    "-p0",
    "--websocket-port",
    "0",
    "--allowed-origin",
    "https://a.example",
    "--allowed-origin",
    "https://b.example",
  ];
  await using server = Child.command("aiko-mqtt", ["broker", ...argv]);
  const url = (await server.said("listening on ws:")).replace("listening on ", "");
  for (const [origin, opens] of [
    ["https://a.example", true],
    ["https://b.example", true],
    ["https://c.example", false],
  ] as const) {
    const connecting = connect(url, { webSocket: { headers: { origin } }, reconnect: false });
    if (!opens) await expect(connecting).rejects.toThrow("403");
    else await (await connecting).disconnect();
  }
  server.kill("SIGINT");
  expect(await server.code()).toBe(0);
  const alone = await run(Child.command("aiko-mqtt", ["broker", "-p0", "--allowed-origin", "https://a.example"]));
  expect(alone.notes[0]).toContain("--allowed-origin requires --websocket-port");
});

test("aiko-mqtt broker listens on a Unix socket that only the same user can use", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "broker.sock");
  await using server = Child.command("aiko-mqtt", ["broker", "--unix", path]);
  expect(await server.said("listening on")).toBe(`listening on unix:${path}`);
  expect(await run(Child.command("mqtt_publish", ["--unix", path, "-t", "a", "-m", "b"]))).toMatchObject({ code: 0 });
  server.kill("SIGINT");
  expect([await server.code(), server.notes]).toEqual([0, []]);
});

test("a message on the command line may be any bytes, including U+FFFD", async () => {
  const received: Uint8Array[] = [];
  await using client = await connect(broker.url);
  const subscription = await client.subscribe("bytes/#");
  const path = join(root, "packages/cli/dist/bin/mqtt-publish.cjs");
  for (const option of ["-m", "--message=", "-rm"]) {
    const glue = option === "-m" ? " " : "";
    const line = `exec "${process.execPath}" "${path}" -p ${broker.port} -t bytes/a ${option}${glue}"$(printf '\\377a\\303\\274\\357\\277\\275\\376')"`;
    expect(await run(new Child("sh", "sh", ["-c", line]))).toMatchObject({ code: 0, notes: [] });
  }
  for await (const { payload } of subscription) if (received.push(payload) === 3) break;
  for (const payload of received) expect(Buffer.from(payload).toString("hex")).toBe("ff61c3bcefbfbdfe");
  await client.publish("bytes/a", "", { retain: true });
});

test("a topic that is not UTF-8 is rejected", async () => {
  const path = join(root, "packages/cli/dist/bin/mqtt-publish.cjs");
  const line = `exec "${process.execPath}" "${path}" -p ${broker.port} -m a -t "$(printf 'a\\377')"`;
  const { code, notes } = await run(new Child("sh", "sh", ["-c", line]));
  expect([code, notes]).toEqual([1, [expect.stringContaining("topicName")]]);
});

test("mqtt_publish can be interrupted while it connects", async () => {
  const mute = await listen();
  await using publisher = Child.command("mqtt_publish", ["-t", "a", "-m", "b", "-p", mute.port]);
  await new Promise((resolve) => mute.server.once("connection", resolve));
  publisher.kill("SIGINT");
  expect(await publisher.code()).toBe(1);
  expect(publisher.notes).toEqual([expect.stringContaining("interrupted")]);
  await close(mute.server);
});

interface Listening {
  readonly server: Server;
  readonly port: string;
}

/** A server that is not a broker: the bytes that it answers, or none at all. */
function listen(answer: (text: string) => string | undefined = () => undefined): Promise<Listening> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => {
        const text = answer(String(bytes));
        if (text !== undefined) socket.end(text);
      });
    });
    server.listen(0, () => {
      const address = server.address();
      resolve({ server, port: String(typeof address === "object" ? address?.port : 0) });
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

test("an encrypted --key is decrypted with --passphrase-file or MQTT_PASSPHRASE; without them, one line names both", async () => {
  const authority = await Authority.named("Test authority");
  const ca = authority.certificate;
  const own = await authority.issue(["kitchen"]);
  await using secure = await Broker.listen({
    port: 0,
    tls: { ...(await authority.issue(["127.0.0.1"])), clientCa: ca },
  });
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const written = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const key = createPrivateKey(own.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "open sesame",
  });
  const files = [
    ["--cafile", await written("ca.pem", ca)],
    ["--cert", await written("cert.pem", own.certificate)],
    ["--key", await written("key.pem", String(key))],
  ].flat();
  const server = ["-h", "127.0.0.1", "-p", String(secure.port), ...files];
  const publish = (more: readonly string[], passphrase = "") =>
    run(
      Child.command("mqtt_publish", ["-t", "a", "-m", "b", ...server, ...more], {
        environment: { MQTT_PASSPHRASE: passphrase },
      }),
    );
  const right = ["--passphrase-file", await written("right", "open sesame\n")];
  expect(await publish(right)).toMatchObject({ code: 0, notes: [] });
  expect(await publish([], "open sesame")).toMatchObject({ code: 0, notes: [] });
  const none = "the private key is encrypted; set --passphrase-file or MQTT_PASSPHRASE";
  const wrong = "--passphrase-file or MQTT_PASSPHRASE cannot decrypt the private key";
  expect(await publish([])).toMatchObject({ code: 1, notes: [expect.stringContaining(none)] });
  const { code, notes } = await publish(["--passphrase-file", await written("wrong", "open barley\n")]);
  expect([code, notes]).toEqual([1, [expect.stringContaining(wrong)]]);
  expect(notes[0]).not.toContain("barley");
});

test("TLS works with a certificate from --cafile; without it, one line says what to do", async () => {
  const authority = await Authority.named("Test authority");
  await using secure = await Broker.listen({ port: 0, tls: await authority.issue(["127.0.0.1"]) });
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "ca.pem");
  await writeFile(file, authority.certificate);
  const publish = (port: number, more: readonly string[]) =>
    run(Child.command("mqtt_publish", ["-h", "127.0.0.1", "-p", String(port), "-t", "a", "-m", "b", ...more]));
  expect(await publish(secure.port, ["--cafile", file])).toMatchObject({ code: 0, notes: [] });
  const said = async (more: readonly string[], port = secure.port) => {
    const { code, notes } = await publish(port, more);
    expect(code).toBe(1);
    return notes.join("\n");
  };
  expect(await said(["--tls"])).toContain("set --cafile to the authority's certificate");
  const another = join(folder, "another.pem");
  await writeFile(another, (await Authority.named("Another")).certificate);
  expect(await said(["--cafile", another])).toContain("is not signed by an authority in --cafile");
  const own = await authority.issue(["kitchen"]);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  await writeFile(cert, own.certificate);
  await writeFile(key, own.key);
  expect(await said(["--cafile", file, "--cert", key, "--key", cert])).toContain(
    ': --cert does not contain a certificate, but "PRIVATE KEY"; the certificate and the key seem to be swapped',
  );
  await using demanding = await Broker.listen({
    port: 0,
    tls: { ...(await authority.issue(["127.0.0.1"])), clientCa: (await Authority.named("Another")).certificate },
  });
  const pair = ["--cafile", file, "--cert", cert, "--key", key];
  expect(await said(pair, demanding.port)).toContain("the server may have rejected the client's certificate");
  expect(await said(["--tls"], broker.port)).toContain(
    "the server closed the connection during the TLS handshake; if the port is not a TLS port",
  );
});
