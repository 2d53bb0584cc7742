// The common mistakes of new users, and the message for each: docs/internals/mistakes.md. The test makes each mistake.
// After you change a message, write the file with `npx vitest run test/house/mistakes.test.ts -u`, and read it.
import dns from "node:dns";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { type ConnectOptions, connect, createClient, MemoryStore } from "@aiko/mqtt";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { selfSigned } from "../fixtures/certificates.ts";
import { freePort } from "../fixtures/free-port.ts";

type Loose = (...values: unknown[]) => Promise<unknown>;

const closers: (() => unknown)[] = [];
let plain = "";
let secure = "";
let web = "";
let locked = "";
let http = "";
let silent = "";
let free = 0;

async function listening(server: Server & { closeAllConnections?(): void }): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function brokerWith(options: BrokerOptions): Promise<Broker> {
  const broker = await Broker.listen(options);
  closers.push(() => broker.close());
  return broker;
}

const authority = (url: string | undefined): string => (url ?? "").replace(/^\w+:\/\//, "");

beforeAll(async () => {
  const certificate = await selfSigned("localhost");
  const listeners = [
    { url: "mqtt://127.0.0.1:0" },
    { url: "mqtts://127.0.0.1:0", tls: certificate },
    { url: "ws://127.0.0.1:0" },
  ];
  [plain = "", secure = "", web = ""] = (await brokerWith({ listeners })).urls.map(authority);
  locked = authority((await brokerWith({ port: 0, authenticate: () => false })).url);
  http = await listening(createHttpServer((_, response) => response.end()));
  silent = await listening(createServer());
  free = await freePort();
});

afterAll(async () => {
  for (const close of closers) await close();
});

async function online(
  work: (client: Record<"publish" | "subscribe" | "connect" | "request" | "on", Loose>) => unknown,
) {
  await using client = await connect(`mqtt://${plain}`, { clientId: "user" });
  await work(client as unknown as Record<"publish" | "subscribe" | "connect" | "request" | "on", Loose>);
}

async function lookupFails(code: string): Promise<void> {
  const lookup = vi.spyOn(dns, "lookup").mockImplementation(((_: string, __: unknown, done: (error: Error) => void) => {
    setImmediate(() => done(Object.assign(new Error(`getaddrinfo ${code}`), { code })));
  }) as never);
  try {
    await connect("mqtt://brokr.example");
  } finally {
    lookup.mockRestore();
  }
}

async function takenOver(): Promise<void> {
  await using first = await connect(`mqtt://${plain}`, { clientId: "twin" });
  const lost = new Promise<Error>((resolve) => first.on("disconnected", ({ error }) => resolve(error as Error)));
  await using _second = await connect(`mqtt://${plain}`, { clientId: "twin" });
  throw await lost;
}

async function publishedLate(): Promise<void> {
  const client = await connect(`mqtt://${plain}`);
  await client.disconnect();
  await client.publish("a", "b");
}

async function notJson(): Promise<void> {
  await using client = await connect(`mqtt://${plain}`);
  await using subscription = await client.subscribe("reading");
  await client.publish("reading", "21.5 C");
  for await (const message of subscription) message.json();
}

const make = (url: unknown, options?: unknown) => async () => createClient(url as string, options as ConnectOptions);
const dialled = (url: () => string, options?: ConnectOptions) => () => connect(url(), options);

const mistakes: readonly (readonly [what: string, provoke: () => Promise<unknown>])[] = [
  ["no server on this port", dialled(() => `mqtt://127.0.0.1:${free}`)],
  ["`mqtts:` on a port without TLS", dialled(() => `mqtts://${plain}`)],
  ["`mqtt:` on a TLS port", dialled(() => `mqtt://${secure}`)],
  ["`mqtt:` on a WebSocket port", dialled(() => `mqtt://${web}`)],
  ["`ws:` on an MQTT port", dialled(() => `ws://${plain}`)],
  ["`mqtt:` on an HTTP server", dialled(() => `mqtt://${http}`)],
  ["`ws:` on a server without WebSockets", dialled(() => `ws://${http}/mqtt`)],
  ["a server that never answers", dialled(() => `mqtt://${silent}`, { connectTimeout: 50 })],
  ["a misspelt host name", () => lookupFails("ENOTFOUND")],
  ["DNS does not work", () => lookupFails("EAI_AGAIN")],
  ["a self-signed certificate", dialled(() => `mqtts://${secure}`)],
  ["a path where PEM text is expected", make("mqtts://h", { tls: { ca: "ca.pem" } })],
  ["a client certificate without its key", make("mqtts://h", { tls: { certificate: "-----BEGIN CERTIFICATE-----" } })],
  ["`tls` with `mqtt:`", dialled(() => `mqtt://${plain}`, { tls: {} })],
  ["no proxy on this port", () => connect("mqtt://h", { proxy: `http://127.0.0.1:${free}` })],
  ["a server that is not a proxy", () => connect("mqtt://h", { proxy: `http://${http}` })],
  ["a proxy of an unknown kind", () => connect("mqtt://h", { proxy: "ftp://127.0.0.1" })],
  ["a URL without a scheme", make("localhost")],
  ["a host and a port without a scheme", make("localhost:1883")],
  ["an `http:` URL", make("http://localhost:1883")],
  ["a port that does not exist", make("mqtt://localhost:70000")],
  ["a path in an `mqtt:` URL", make("mqtt://localhost/mqtt")],
  ["no URL", make(undefined)],
  ["an object of options in the place of the URL", make({ host: "localhost" })],
  ["a wrong password", dialled(() => `mqtt://${locked}`, { clientId: "user", username: "ann", password: "secret" })],
  ["a password without a user name", make("mqtt://h", { protocolVersion: 4, password: "secret" })],
  ["a misspelt option", make("mqtt://h", { keepalive: 60 })],
  ["an option of another client", make("mqtts://h", { rejectUnauthorized: false })],
  ["a keep-alive that is too long", make("mqtt://h", { keepAlive: 100_000 })],
  ["a number as text", make("mqtt://h", { keepAlive: "60" })],
  ["a store without a client identifier", make("mqtt://h", { store: new MemoryStore() })],
  ["two clients with one client identifier", takenOver],
  ["publishing after `disconnect`", publishedLate],
  ["connecting twice", () => online((client) => client.connect())],
  ["a callback as the last argument", () => online((client) => client.publish("a", "b", {}, () => undefined))],
  ["an object as the payload", () => online((client) => client.publish("a", { value: 1 }))],
  ["a number as the payload", () => online((client) => client.publish("a", 21.5))],
  ["no payload", () => online((client) => client.publish("a"))],
  ["publishing to a wildcard", () => online((client) => client.publish("sensors/+", "x"))],
  ["publishing to an empty topic", () => online((client) => client.publish("", "x"))],
  ["QoS 3", () => online((client) => client.publish("a", "b", { qos: 3 }))],
  ["the QoS as text", () => online((client) => client.publish("a", "b", { qos: "1" }))],
  ["`#` in the middle of a filter", () => online((client) => client.subscribe("a/#/b"))],
  ["`+` behind other characters", () => online((client) => client.subscribe("sensors+"))],
  ["subscribing to nothing", () => online((client) => client.subscribe([]))],
  ["a handler without its name", () => online((client) => client.subscribe("a", () => undefined))],
  ['listening to "message"', () => online((client) => client.on("message", () => undefined))],
  ["a misspelt event", () => online((client) => client.on("conected", () => undefined))],
  ["a request that has no responder", () => online((client) => client.request("nobody", "x"))],
  ["a payload that is not JSON", notJson],
  ["a broker on a port in use", () => Broker.listen({ port: Number(plain.split(":")[1]) })],
  ["a broker's port alone", () => (Broker.listen as Loose)(1883)],
  ["a misspelt option of the broker", () => (Broker.listen as Loose)({ prot: 1883 })],
];

test("each common mistake gets the message in docs/internals/mistakes.md", async () => {
  const rows: string[] = [];
  for (const [what, provoke] of mistakes) {
    const error = await provoke().then(
      () => undefined,
      (reason: Error & { code?: string }) => reason,
    );
    const message = String(error?.message).replaceAll(/(127\.0\.0\.1):\d+/g, "$1:PORT");
    expect(message).not.toContain("secret");
    rows.push(`| ${what} | \`${error?.code}\` | ${message.replaceAll("|", "\\|")} |`);
  }
  const head =
    "# Common mistakes\n\nWritten by test/house/mistakes.test.ts, which makes each mistake and records the error.\n";
  const table = ["| mistake | code | message |", "|---|---|---|", ...rows].join("\n");
  await expect(`${head}\n${table}\n`).toMatchFileSnapshot("../../docs/internals/mistakes.md");
});
