import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsProvider } from "@aiko/mqtt";
import { expect, onTestFinished, test } from "vitest";
import { ArgumentError, parseArguments } from "../src/arguments.ts";
import { connectionOptions, targetOf, uniqueClientId, willOf, willOptions } from "../src/connection-options.ts";

function argumentsOf(argv: readonly string[]) {
  const parsed = parseArguments({ ...connectionOptions, ...willOptions }, argv);
  if (parsed.asks !== "run") throw new Error(`asks for ${parsed.asks}`);
  return parsed.args;
}

const target = (argv: readonly string[], environment: Record<string, string> = {}, host?: string) =>
  targetOf(argumentsOf(argv), environment, "mqttClient", host);

test.each([
  [[], "mqtt://localhost:1883"],
  [["-p", "1884"], "mqtt://localhost:1884"],
  [["-h", "server"], "mqtt://server:1883"],
  [["-H", "server"], "mqtt://server:1883"],
  [["--host=192.0.2.1", "-p1"], "mqtt://192.0.2.1:1"],
  [["-h", "::1", "-p", "1884"], "mqtt://[::1]:1884"],
  [["--url", "mqtt://server:1884"], "mqtt://server:1884"],
  [["--url", "unix:/run/broker.sock"], "unix:/run/broker.sock"],
  [["--unix", "/run/broker.sock"], "unix:/run/broker.sock"],
  [["--tls"], "mqtts://localhost:8883"],
  [["--cafile", "ca.pem", "-p", "1"], "mqtts://localhost:1"],
  [["--ws"], "ws://localhost:80"],
  [["--ws", "--insecure", "-h", "server"], "wss://server:443"],
])("%j connects to %s", (argv, url) => {
  expect(target(argv).url).toBe(url);
});

test("an operand is the host", () => {
  expect(() => target([], {}, "localhost:21883")).toThrow(
    new ArgumentError('host "localhost:21883": pass the port with -p 21883'),
  );
  expect(target(["-p", "2"], {}, "server").url).toBe("mqtt://server:2");
  expect(() => target(["-h", "a"], {}, "b")).toThrow(
    new ArgumentError('argument "b" cannot be combined with --host; both name the host'),
  );
});

test.each([
  [["-p", "99999"], "--port 99999: must be an integer from 1 to 65535"],
  [["-h", ""], "option -h: must not be empty"],
  [["--proxy", "http://a", "--proxy", "http://me:secret@b"], "option --proxy was specified twice; specify it once"],
  [["--url=mqtt://a", "--url=mqtt://me:secret@b"], "option --url was specified twice; specify it once"],
  [["--psk=00", "--psk=11"], "option --psk was specified twice; specify it once"],
  [["-h", "mqtt://server"], 'host "mqtt://server": must be a host name or an IP address'],
  [["-h", "localhost:21883"], 'host "localhost:21883": pass the port with -p 21883'],
  [["-h", "[::1]:21883", "-p", "1"], 'host "[::1]:21883": pass the port with -p 21883'],
  [["-h", "user@server"], 'host "user@server": must be a host name or an IP address'],
  [["--url", "mqtt://a", "-h", "b"], "--url cannot be combined with a host or --port"],
  [["--url", "mqtt://a", "-p", "1"], "--url cannot be combined with a host or --port"],
  [["--unix", "/a", "-h", "b"], "--unix cannot be combined with a host or --port"],
  [["--unix", "/a", "--url", "mqtt://b"], "--url cannot be combined with --unix"],
  [["--url", "ws://a", "--ws"], "--ws cannot be combined with --url; use ws: or wss: in the URL"],
  [["--unix", "/a", "--ws"], "--ws cannot be combined with --unix"],
  [["--unix", "/a", "--tls"], "--unix cannot be combined with TLS options; a Unix socket is not encrypted"],
  [["--unix", "/a", "--cafile", "b"], "--unix cannot be combined with TLS options; a Unix socket is not encrypted"],
  [["--cert", "c.pem"], "--cert and --key must be used together"],
  [["--passphrase-file", "p"], "--passphrase-file requires --key"],
  [["--psk", "00"], "--psk and --psk-identity must be used together"],
  [["--psk", "xyz", "--psk-identity", "a"], "--psk must be 1 to 64 bytes in hexadecimal"],
  [
    ["--psk", "00", "--psk-identity", "a", "--insecure"],
    "--insecure cannot be combined with --psk; the pre-shared key already verifies the server",
  ],
  [["-V", "4"], "--protocol-version 4: must be 5, 31, 311, auto, mqttv31, mqttv311 or mqttv5"],
  [["-P", "secret"], "--password requires --username"],
])("%j is refused: %s", (argv, message) => {
  expect(() => target(argv)).toThrow(new ArgumentError(message));
});

test.each([
  [[], "auto"],
  [["-V", "31"], 3],
  [["-V311"], 4],
  [["--protocol-version=5"], 5],
  [["-V", "auto"], "auto"],
])("%j is protocol version %s", (argv, protocolVersion) => {
  expect(target(argv).options.protocolVersion).toBe(protocolVersion);
});

const environment = { MQTT_PASSWORD: "from the environment" };
test.each([
  [[], {}, undefined, undefined],
  [["-u", "me"], {}, "me", undefined],
  [["-u", "me", "-P", "secret"], {}, "me", "secret"],
  [["-u", "me"], environment, "me", "from the environment"],
  [["-u", "me", "-P", "secret"], environment, "me", "secret"],
  [["-V", "5", "-P", "secret"], {}, undefined, "secret"],
  [[], environment, undefined, undefined],
  [["--url", "mqtt://m%65@server"], environment, "me", "from the environment"],
  [["--url", "mqtt://me:secret@server"], environment, undefined, undefined],
  [["--url", "mqtt://%zz@server"], environment, undefined, undefined],
])("%j with %j: user %s, password %s", (argv, environment, username, password) => {
  const { options } = target(argv, environment);
  expect([options.username, options.password]).toEqual([username, password]);
});

test("a default client identifier is unique to the process and accepted by every server", () => {
  for (const name of ["mqttClient", "mqttTest"]) {
    const ids = Array.from({ length: 1000 }, () => uniqueClientId(name));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id.startsWith(name)).toBe(true);
      expect(id).toMatch(/^[0-9a-zA-Z]{1,23}$/);
    }
  }
  expect(target([]).options.clientId).toMatch(/^mqttClient/);
});

test("a client identifier that is given is used unchanged", () => {
  expect(target(["-i", "MQTT client"]).options.clientId).toBe("MQTT client");
  expect(target(["--id="]).options.clientId).toBe("");
});

const topicAndMessage = ["-w", "status", "--will_message", "gone"];
test.each([
  [[], undefined],
  [topicAndMessage, { topic: "status", payload: "gone", qos: 0, retain: false }],
  [["--will_topic=status", "--will_message="], { topic: "status", payload: "", qos: 0, retain: false }],
  [
    [...topicAndMessage, "--will_qos=2", "--will_retain", "1"],
    { topic: "status", payload: "gone", qos: 2, retain: true },
  ],
  [[...topicAndMessage, "--will_retain", "0"], { topic: "status", payload: "gone", qos: 0, retain: false }],
])("will of %j", (argv, will) => {
  expect(willOf(argumentsOf(argv))).toEqual(will ? { will } : {});
});

test("a will that is not UTF-8 is kept as bytes", () => {
  const will = willOf(argumentsOf(["-w", "status", "--will_message", "a\udcff"]));
  expect(will).toMatchObject({ will: { payload: Uint8Array.of(0x61, 0xff) } });
});

test.each([
  [["-w", "status"], 'option --will_topic requires --will_message; for an empty message, write --will_message ""'],
  [["--will_message", "gone"], "option --will_message requires --will_topic"],
  [["--will_message="], "option --will_message requires --will_topic"],
  [["--will_qos", "0"], "option --will_qos requires --will_topic and --will_message"],
  [["--will_retain", "0"], "option --will_retain requires --will_topic and --will_message"],
  [["--will_qos", "1", "--will_message", "gone"], "option --will_message requires --will_topic"],
  [["--will_qos", "3"], "--will_qos 3: must be 0, 1 or 2"],
  [["--will_retain", "true"], "--will_retain true: must be 0 or 1"],
  [["--will_retain=-1"], "--will_retain -1: must be 0 or 1"],
])("will of %j is refused: %s", (argv, message) => {
  expect(() => willOf(argumentsOf(argv))).toThrow(new ArgumentError(message));
});

test("TLS options become the library's options; their files are read at each attempt", async () => {
  const psk = ["--psk", "00ff", "--psk-identity", "kitchen"];
  const alpn = ["--tls-alpn", "mqtt", "--tls-alpn", "x-mqtt"];
  const { tls } = target([...psk, ...alpn, "--servername", "broker"]).options;
  expect(await (tls as TlsProvider)("mqtts://server")).toEqual({
    psk: { identity: "kitchen", key: Buffer.of(0, 255) },
    serverName: "broker",
    alpn: ["mqtt", "x-mqtt"],
    verifyServer: true,
  });
  const insecure = target(["--tls", "--insecure"]).options.tls as TlsProvider;
  expect(await insecure("mqtts://server")).toEqual({ verifyServer: false });
  const missing = target(["--cafile", "/nowhere/ca.pem"]).options.tls as TlsProvider;
  await expect(missing("mqtts://server")).rejects.toThrow("--cafile /nowhere/ca.pem: file not found");
});

test("the passphrase of --key comes from a file that is read once, or from the environment", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "passphrase");
  await writeFile(file, "open sesame \r\nsecond line\n");
  const pair = ["--cert", file, "--key", file];
  const environment = { MQTT_PASSPHRASE: "of the environment" };
  const provider = (argv: readonly string[], from = environment) => target(argv, from).options.tls as TlsProvider;
  const inFile = provider([...pair, "--passphrase-file", file]);
  for (const text of ["changed\n", "\nchanged"]) {
    expect(await inFile("mqtts://server")).toMatchObject({ passphrase: "open sesame " });
    await writeFile(file, text);
  }
  await expect(provider([...pair, "--passphrase-file", file])("mqtts://server")).rejects.toThrow(
    `--passphrase-file ${file}: contains no passphrase on its first line`,
  );
  await expect(provider([...pair, "--passphrase-file", folder])("mqtts://server")).rejects.toThrow(
    `--passphrase-file ${folder}: is a directory`,
  );
  expect(await provider(pair)("mqtts://server")).toMatchObject({ passphrase: "of the environment" });
  expect(await provider(pair, { MQTT_PASSPHRASE: "" })("mqtts://server")).toMatchObject({ passphrase: undefined });
  expect(await provider(["--tls"])("mqtts://server")).toMatchObject({ passphrase: undefined });
});

test("a --cafile that cannot be used is named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aiko-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "key.pem");
  await writeFile(file, "-----BEGIN PRIVATE KEY-----\n");
  const reading = (path: string) => (target(["--cafile", path]).options.tls as TlsProvider)("mqtts://server");
  await expect(reading(folder)).rejects.toThrow(`--cafile ${folder}: is a directory`);
  await expect(reading(file)).rejects.toThrow(`--cafile ${file}: contains no PEM certificate`);
});
