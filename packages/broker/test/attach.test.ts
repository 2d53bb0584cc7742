// broker.attach: WebSockets on an HTTP server of the application.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createConnection } from "node:net";
import { connect, ReasonCode } from "@aiko/mqtt";
import { type AttachOptions, Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { Authority } from "../../../test/fixtures/certificates.ts";

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function attached(options: AttachOptions = {}, brokerOptions: BrokerOptions = {}) {
  const server = createServer((_, response) => response.end("page"));
  const port = await listening(server);
  const broker = await Broker.listen({ listeners: [], ...brokerOptions });
  onTestFinished(() => broker.close());
  const detach = await broker.attach(server, options);
  return { server, port, broker, detach, events: recordEvents(broker) };
}

/** The result of a handshake: "open", or the status of the refusal, or "closed". */
function handshake(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const socket = new WebSocket(url, ["mqtt"], { headers });
  return new Promise((resolve) => {
    socket.on("open", () => {
      resolve("open");
      onTestFinished(() => socket.terminate());
    });
    socket.on("unexpected-response", (request, response) => {
      request.destroy();
      resolve(String(response.statusCode));
    });
    socket.on("error", () => resolve("closed"));
  });
}

test("clients connect at the path, and the server serves its pages", async () => {
  const { port, broker } = await attached();
  await using client = await connect(`ws://127.0.0.1:${port}/mqtt?token=1`);
  const subscription = await client.subscribe("a", { qos: 1 });
  broker.publish("a", "hello", { qos: 1 });
  for await (const message of subscription) {
    expect(message.text()).toBe("hello");
    break;
  }
  expect([...broker.clients][0]).toMatchObject({ address: "127.0.0.1", listener: "/mqtt" });
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("page");
});

test("over TLS, on an HTTPS server", async () => {
  const authority = await Authority.named("Test authority");
  const { certificate: cert, key } = await authority.issue(["127.0.0.1"]);
  const port = await listening(createHttpsServer({ cert, key }, (_, response) => response.end()));
  const broker = await Broker.listen({ listeners: [] });
  onTestFinished(() => broker.close());
  const server = createHttpsServer({ cert, key });
  const securePort = await listening(server);
  expect(securePort).not.toBe(port);
  await broker.attach(server, { path: "/" });
  await using client = await connect(`wss://127.0.0.1:${securePort}/`, { tls: { ca: authority.certificate } });
  await client.publish("a", "x", { qos: 1 });
});

test("other upgrade requests are left to others", async () => {
  const { port, server } = await attached({ path: "/broker" });
  const others = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/chat") others.handleUpgrade(request, socket, head, (each) => each.send("chat"));
  });
  const chat = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  expect(String(await new Promise((resolve) => chat.once("message", resolve)))).toBe("chat");
  chat.terminate();
  expect(await handshake(`ws://127.0.0.1:${port}/broker`)).toBe("open");
});

test("upgrade requests that nobody accepts are answered, and a reset of their connection does no harm", async () => {
  const { port, server, broker } = await attached();
  await broker.attach(server, { path: "/second" });
  expect(await handshake(`ws://127.0.0.1:${port}/other`)).toBe("404");
  expect(await handshake(`ws://127.0.0.1:${port}/second`)).toBe("open");
  const reset = createConnection(port, "127.0.0.1");
  reset.write("GET /other HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", () =>
    reset.resetAndDestroy(),
  );
  await once(reset, "close");
  expect(await handshake(`ws://127.0.0.1:${port}/mqtt`)).toBe("open");
});

test("a path is attached once to a server, and again after it was detached", async () => {
  const { port, server, broker, detach } = await attached();
  const other = await Broker.listen({ listeners: [] });
  onTestFinished(() => other.close());
  for (const each of [broker, other])
    await expect(each.attach(server)).rejects.toMatchObject({
      code: "OPTION_INVALID",
      message: 'path: "/mqtt" is already attached to this server; detach it first',
    });
  detach();
  detach();
  await other.attach(server);
  await broker.close();
  expect(await handshake(`ws://127.0.0.1:${port}/mqtt`)).toBe("open");
  expect(other.statistics.openConnections).toBe(1);
});

test("web pages of other hosts are refused", async () => {
  const { port, events } = await attached({}, { allowedOrigins: ["https://app.example"] });
  const url = `ws://127.0.0.1:${port}/mqtt`;
  expect(await handshake(url, { origin: "https://evil.example" })).toBe("403");
  expect(await handshake(url, { origin: "http://evil.example", host: "evil.example" })).toBe("403");
  expect(await handshake(url, { origin: "https://app.example" })).toBe("open");
  expect(events.filter(({ type }) => type === "refused")).toHaveLength(2);
});

test("the attachment has its own name, authentication and number of connections", async () => {
  const asked: unknown[] = [];
  const { port, broker, events } = await attached({
    name: "web",
    maximumConnections: 1,
    authenticate: ({ clientId, listener }) => {
      asked.push(listener);
      return clientId === "a";
    },
  });
  const url = `ws://127.0.0.1:${port}/mqtt`;
  const refused = connect(url, { clientId: "b", reconnect: false });
  await expect(refused).rejects.toMatchObject({ reasonCode: ReasonCode.BAD_USER_NAME_OR_PASSWORD });
  await expect.poll(() => broker.statistics.openConnections).toBe(0);
  await expect.poll(() => handshake(url)).toBe("open");
  expect(await handshake(url)).toBe("503");
  expect(events.at(-1)).toEqual({ type: "refused", reason: "the limit maximumConnections 1 is reached" });
  expect(asked).toEqual(["web"]);
});

test("detaching accepts no further client, and closing the broker ends the others, but not the server", async () => {
  const { port, broker, detach } = await attached();
  const client = await connect(`ws://127.0.0.1:${port}/mqtt`, { reconnect: false });
  const closed = new Promise((resolve) => client.on("closed", resolve));
  detach();
  expect(await handshake(`ws://127.0.0.1:${port}/mqtt`)).toBe("200"); // an ordinary request
  await client.publish("a", "x", { qos: 1 });
  await broker.close();
  await closed;
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("page");
  await expect(broker.attach(createServer())).rejects.toMatchObject({ code: "BROKER_CLOSED" });
});

test.each<[string, unknown, unknown]>([
  ["a path without slash", createServer(), { path: "mqtt" }],
  ["a path with a query", createServer(), { path: "/mqtt?a" }],
  ["an unknown option", createServer(), { paths: "/mqtt" }],
  ["no server", undefined, {}],
  ["another object", {}, {}],
])("%s is rejected", async (_, server, options) => {
  const broker = await Broker.listen({ listeners: [] });
  onTestFinished(() => broker.close());
  await expect(broker.attach(server as Server, options as AttachOptions)).rejects.toMatchObject({ name: "UsageError" });
});
