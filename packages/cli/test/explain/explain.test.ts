// A server for each step that can fail, and what `explain` says.
import dns from "node:dns";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { Authority, type Identity } from "../../../../test/fixtures/certificates.ts";
import { freePort } from "../../../../test/fixtures/free-port.ts";
import { runCommand } from "../../src/command.ts";
import { explain } from "../../src/explain/explain.ts";
import { RecordingTerminal } from "./recording-terminal.ts";

let folder: string;
let authority: Authority;
let valid: Identity;
let ca: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "aiko-explain-"));
  authority = await Authority.named("Devices");
  valid = await authority.issue(["127.0.0.1"]);
  ca = join(folder, "ca.pem");
  writeFileSync(ca, authority.certificate);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function explained(...argv: string[]): Promise<RecordingTerminal & { code: number }> {
  const terminal = new RecordingTerminal();
  const code = await runCommand(explain, argv, terminal);
  return Object.assign(terminal, { code });
}

/** Returns the port. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A server that answers the first bytes of each connection. */
const answering = (bytes: string | Uint8Array): Promise<number> =>
  listening(createServer((socket) => socket.once("data", () => socket.end(bytes))));

async function brokerAt(url: string, tls?: Identity): Promise<string> {
  const broker = await Broker.listen({ listeners: [tls === undefined ? { url } : { url, tls }] });
  onTestFinished(() => broker.close());
  return broker.url;
}

/** The row of the step that failed. */
const failure = ({ lines }: RecordingTerminal): string => lines.find((line) => line.startsWith("FAILED")) ?? "";
const advice = ({ lines }: RecordingTerminal): string => lines.find((line) => line.startsWith("what to do: ")) ?? "";

test.each(["mqtt", "mqtts", "ws", "wss"])("each step of %s succeeds", async (scheme) => {
  const secure = scheme === "mqtts" || scheme === "wss";
  const url = await brokerAt(`${scheme}://127.0.0.1:0`, secure ? valid : undefined);
  const shown = await explained(url, ...(secure ? ["--cafile", ca] : []));
  expect([shown.code, shown.notes]).toEqual([0, []]);
  const steps = ["TCP", ...(secure ? ["TLS"] : []), ...(scheme.startsWith("ws") ? ["WebSocket"] : []), "CONNACK"];
  const rows = shown.lines.filter((line) => line.startsWith("ok"));
  expect(rows.map((line) => line.split(/ +/)[1])).toEqual(steps);
  for (const row of rows) expect(row).toMatch(/^ok {6}\w+ +\d+\.\d ms {2}\S/);
  if (secure)
    expect(shown.output).toMatch(/TLSv1\.3, \w+, certificate for 127\.0\.0\.1 by Devices, valid until .+ days\)/);
  expect(shown.output).toContain("the server announces:");
});

test("a Unix socket is a step", async () => {
  const path = join(folder, "broker.sock");
  await brokerAt(`unix:${path}`);
  const shown = await explained("--unix", path);
  expect(shown.code).toBe(0);
  expect(shown.lines.map((line) => line.split(/ +/).slice(0, 2).join(" "))).toEqual(
    expect.arrayContaining(["ok socket", "ok CONNACK"]),
  );
  const missing = await explained("--unix", join(folder, "none.sock"));
  expect([missing.code, advice(missing)]).toEqual([1, "what to do: start the server: it creates the socket"]);
});

test("a name has its addresses", async () => {
  const { port } = new URL(await brokerAt("mqtt://127.0.0.1:0"));
  const shown = await explained(`mqtt://localhost:${port}`);
  expect(shown.code).toBe(0);
  expect(shown.output).toMatch(/^ok {6}name .* 127\.0\.0\.1/m);
});

describe("names", () => {
  test.each([
    ["ENOTFOUND", "check the spelling of the host"],
    ["EAI_AGAIN", "no DNS server answered"],
  ])("%s fails at the name", async (code, words) => {
    const lookup = vi.spyOn(dns, "lookup").mockImplementation(((_: string, __: unknown, done: (e: Error) => void) => {
      setImmediate(() => done(Object.assign(new Error(`getaddrinfo ${code}`), { code })));
    }) as never);
    onTestFinished(() => lookup.mockRestore());
    const shown = await explained("mqtt://brokr.example");
    expect(failure(shown)).toMatch(/^FAILED {2}name /);
    expect(advice(shown)).toContain(words);
    expect(shown.notes).toEqual([expect.stringContaining(`the step "name" failed: cannot connect to`)]);
    expect(shown.code).toBe(1);
  });
});

test("a refused port fails at TCP", async () => {
  const shown = await explained(`mqtt://127.0.0.1:${await freePort()}`);
  expect(failure(shown)).toMatch(/^FAILED {2}TCP .*connection refused/);
  expect(advice(shown)).toContain("start the server, or use its port");
  expect(shown.lines.at(-2)).toBe("-       CONNACK");
  expect(shown.code).toBe(1);
});

describe("a port that says nothing", () => {
  test.each([
    ["mqtt", "CONNACK", "nothing answers to MQTT"],
    ["mqtts", "TLS", "nothing answers with TLS"],
    ["ws", "WebSocket", "nothing answers with HTTP"],
    ["wss", "TLS", "nothing answers with TLS"],
  ])("fails with %s at %s", async (scheme, step, words) => {
    const port = await listening(createServer());
    const shown = await explained(`${scheme}://127.0.0.1:${port}`, "-V", "5", "-W", "1");
    expect(failure(shown)).toMatch(new RegExp(`^FAILED {2}${step} `));
    expect(advice(shown)).toContain(words);
    expect(shown.code).toBe(1);
  });
});

describe("another protocol at the port", () => {
  test.each([
    ["mqtt", "HTTP/1.1 400 Bad Request\r\n\r\n", "CONNACK", "the server speaks HTTP"],
    ["mqtt", "SSH-2.0-OpenSSH_9.2p1\r\n", "CONNACK", "did not answer with valid MQTT"],
    ["mqtt", "", "CONNACK", "closed the connection before CONNACK"],
    ["mqtts", Uint8Array.of(0x20, 2, 0, 0), "TLS", "TLS"],
    ["ws", Uint8Array.of(0x20, 2, 0, 0), "WebSocket", "check that a WebSocket server listens on this port"],
    ["ws", "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n", "WebSocket", "HTTP status 404"],
  ] as const)("%s and %j fail at %s", async (scheme, bytes, step, words) => {
    const shown = await explained(`${scheme}://127.0.0.1:${await answering(bytes)}`);
    expect(failure(shown)).toMatch(new RegExp(`^FAILED {2}${step} `));
    expect(failure(shown)).toContain(words);
    expect(shown.code).toBe(1);
  });

  test("an HTTP server without an upgrade fails at the WebSocket", async () => {
    const port = await listening(createHttpServer((_, response) => response.end("hello")));
    const shown = await explained(`ws://127.0.0.1:${port}/mqtt`);
    expect(failure(shown)).toMatch(/^FAILED {2}WebSocket .*HTTP status 200/);
    expect(advice(shown)).toContain("usual paths are /mqtt");
  });
});

describe("a proxy", () => {
  test.each([
    ["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy requires a user name and password"],
    ["HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502"],
  ])("that answers %j is the step that fails", async (bytes, words) => {
    const proxy = `http://127.0.0.1:${await answering(bytes)}`;
    const shown = await explained("mqtt://broker.example", "--proxy", proxy);
    expect(failure(shown)).toMatch(/^FAILED {2}proxy /);
    expect(failure(shown)).toContain(words);
    expect(shown.lines[1]).toMatch(/^ok {6}TCP .* 127\.0\.0\.1 port \d+, the proxy$/);
    expect(shown.code).toBe(1);
  });

  test("that is not running fails at TCP, and the server's name is not looked up here", async () => {
    const shown = await explained("mqtt://broker.example", "--proxy", `http://127.0.0.1:${await freePort()}`);
    expect(shown.lines[1]).toMatch(/^FAILED {2}TCP .*cannot connect to proxy/);
  });

  test("that says nothing is the step that fails", async () => {
    const proxy = `http://127.0.0.1:${await listening(createServer())}`;
    const shown = await explained("mqtt://broker.example", "--proxy", proxy, "-V", "5", "-W", "1");
    expect(failure(shown)).toMatch(/^FAILED {2}proxy /);
    expect(advice(shown)).toContain("check --proxy");
  });
});

describe("TLS", () => {
  test("an unknown authority fails, with the option that helps", async () => {
    const shown = await explained(await brokerAt("mqtts://127.0.0.1:0", valid));
    expect(failure(shown)).toMatch(/^FAILED {2}TLS .*unknown authority; set --cafile/);
    expect(shown.code).toBe(1);
  });

  test("an expired certificate fails", async () => {
    const expired = await authority.issue(["127.0.0.1"], { from: -30, until: -1 });
    const shown = await explained(await brokerAt("mqtts://127.0.0.1:0", expired), "--cafile", ca);
    expect(failure(shown)).toMatch(/^FAILED {2}TLS .*has expired/);
    expect(advice(shown)).toContain("renew the certificate on the server");
  });

  test("a certificate for another name fails", async () => {
    const other = await authority.issue(["other.example"]);
    const shown = await explained(await brokerAt("wss://127.0.0.1:0", other), "--cafile", ca);
    expect(failure(shown)).toMatch(/^FAILED {2}TLS .*is for other\.example, not for 127\.0\.0\.1/);
    expect(shown.lines.slice(-2)).toEqual(["-       WebSocket", "-       CONNACK"]);
  });

  test("a file of authorities that cannot be read is no step", async () => {
    const shown = await explained("mqtts://127.0.0.1:1", "--cafile", join(folder, "none.pem"));
    expect([shown.code, shown.output]).toEqual([1, ""]);
    expect(shown.notes).toEqual([expect.stringContaining("none.pem: file not found")]);
  });
});

describe("refusals in CONNACK", () => {
  const older = [1, 2, 3, 4, 5];
  const newer = [0x80, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x95, 0x97, 0x9a, 0x9b, 0x9f];
  const cases = [
    ...["31", "311"].flatMap((version) =>
      older.map((code) => [version, code, Uint8Array.of(0x20, 2, 0, code)] as const),
    ),
    ...newer.map((code) => ["5", code, Uint8Array.of(0x20, 3, 0, code, 0)] as const),
  ];
  test.each(cases)("MQTT %s: code %i is the exit code", async (version, code, bytes) => {
    const shown = await explained(`mqtt://127.0.0.1:${await answering(bytes)}`, "-V", version);
    expect(failure(shown)).toMatch(/^FAILED {2}CONNACK .*refused the connection of client/);
    expect(shown.code).toBe(code);
    if (code !== 0x80) expect(advice(shown)).not.toBe("");
  });

  test("a server that moved is named", async () => {
    const reference = Buffer.from("other.example");
    const properties = [0x1c, 0, reference.length, ...reference];
    const bytes = Uint8Array.of(0x20, 3 + properties.length, 0, 0x9d, properties.length, ...properties);
    const shown = await explained(`mqtt://127.0.0.1:${await answering(bytes)}`, "-V", "5");
    expect([shown.code, advice(shown)]).toEqual([0x9d, "what to do: connect to other.example"]);
  });
});

test("--json has the same steps, and what the server announces", async () => {
  const url = await brokerAt("mqtt://127.0.0.1:0");
  const shown = await explained(url, "--json", "-i", "kitchen");
  const { steps, ...rest } = JSON.parse(shown.output);
  expect(shown.lines).toHaveLength(1);
  expect(rest).toMatchObject({ server: url, connected: true, protocolVersion: "5.0", clientId: "kitchen" });
  expect(rest.properties.topicAliasMaximum).toEqual(expect.any(Number));
  expect(steps.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
    ["TCP", "ok"],
    ["CONNACK", "ok"],
  ]);
});

test("--json has the step that failed", async () => {
  const shown = await explained(`mqtt://127.0.0.1:${await answering(Uint8Array.of(0x20, 2, 0, 5))}`, "-V311", "--json");
  const { connected, error } = JSON.parse(shown.output);
  expect(connected).toBe(false);
  expect(error).toMatchObject({ step: "CONNACK", code: "CONNECT_REFUSED", reasonCode: 5 });
  expect(error.advice).toContain("the server's rules");
});

test("JSON cannot control a terminal, and is not changed", async () => {
  const name = "\u009b2J\u{e0001}";
  const [key, value] = [Buffer.from(name), Buffer.from("v")];
  const pair = [0x26, 0, key.length, ...key, 0, value.length, ...value];
  const bytes = Uint8Array.of(0x20, 3 + pair.length, 0, 0, pair.length, ...pair);
  const server = createServer((socket) => socket.once("data", () => socket.write(bytes)));
  const shown = await explained(`mqtt://127.0.0.1:${await listening(server)}`, "-V", "5", "--json");
  expect(shown.output).toMatch(/^[ -~]+\n$/);
  expect(JSON.parse(shown.output).properties.userProperties).toEqual([[name, "v"]]);
});

test("no secret of the URL is shown, and a warning says that ps shows it", async () => {
  const port = await answering(Uint8Array.of(0x20, 2, 0, 4));
  const shown = await explained(`mqtt://ann:hunter2@127.0.0.1:${port}`, "-V", "311");
  expect(shown.output + shown.notes.join("\n")).not.toContain("hunter2");
  expect(shown.notes[0]).toContain("warning: other users of this machine can see the secret in the URL");
});

test.each([
  [["mqtt://a", "--url", "mqtt://b"], "the URL cannot be combined with --url"],
  [["mqtt://a", "-h", "b"], "--url cannot be combined with a host or --port"],
  [["localhost"], 'url "localhost": must begin with mqtt:'],
  [["-W", "x"], "--timeout x: must be a number of seconds"],
  [["-W", "0"], "--timeout 0: must be a number of seconds"],
])("%j is an error", async (argv, words) => {
  const shown = await explained(...argv);
  expect([shown.code, shown.output]).toEqual([1, ""]);
  expect(shown.notes).toEqual([expect.stringContaining(words)]);
});

test("the user can interrupt it", async () => {
  const server = createServer();
  const port = await listening(server);
  const terminal = new RecordingTerminal();
  server.once("connection", () => terminal.interrupt());
  expect(await runCommand(explain, [`mqtt://127.0.0.1:${port}`], terminal)).toBe(1);
  expect(terminal.notes).toEqual(["interrupted before the server answered"]);
});
