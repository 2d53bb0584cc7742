// What the dial of Node's platform reports while it opens a connection.
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type DialStep, type NetworkOptions, platform, type ServerAddress } from "@aiko/mqtt";
import { expect, onTestFinished, test } from "vitest";
import { Authority } from "../../../../test/fixtures/certificates.ts";

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

const address = (scheme: ServerAddress["scheme"], host: string, port: number): ServerAddress => ({
  scheme,
  host,
  port,
  path: "",
});

async function stepsTo(where: ServerAddress, options: NetworkOptions = {}): Promise<DialStep[]> {
  const steps: DialStep[] = [];
  const { signal } = new AbortController();
  const transport = await platform.dial(where, signal, options, (step) => steps.push(step));
  transport.destroy();
  return steps;
}

test("an address is connected, and nothing is resolved", async () => {
  const port = await listening(createServer());
  expect(await stepsTo(address("mqtt", "127.0.0.1", port))).toEqual([
    { step: "connected", to: "server", address: "127.0.0.1", port },
  ]);
});

test("a name is resolved first", async () => {
  const port = await listening(createServer());
  const steps = await stepsTo(address("mqtt", "localhost", port));
  expect(steps).toContainEqual({ step: "resolved", address: "127.0.0.1" });
  expect(steps.at(-1)).toEqual({ step: "connected", to: "server", address: "127.0.0.1", port });
});

test("TLS has its version and the server's certificate", async () => {
  const authority = await Authority.named("Devices");
  const { certificate, key } = await authority.issue(["127.0.0.1", "broker.example"]);
  const port = await listening(createTlsServer({ cert: certificate, key }));
  const steps = await stepsTo(address("mqtts", "127.0.0.1", port), { tls: { ca: authority.certificate } });
  expect(steps.at(-1)).toEqual({
    step: "secured",
    protocol: "TLSv1.3",
    cipher: expect.any(String),
    certificate: {
      subject: "127.0.0.1",
      issuer: "Devices",
      names: ["127.0.0.1", "broker.example"],
      validUntil: expect.any(Number),
    },
  });
});

test("through a proxy, the socket is the proxy's", async () => {
  const port = await listening(createServer());
  const proxy = createHttpServer();
  proxy.on("connect", (_, socket: Socket) => {
    const way = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      way.pipe(socket);
    });
    way.on("error", () => undefined);
    socket.on("close", () => way.destroy());
  });
  const proxyPort = await listening(proxy);
  const steps = await stepsTo(address("mqtt", "broker.example", port), { proxy: `http://127.0.0.1:${proxyPort}` });
  expect(steps).toEqual([
    { step: "connected", to: "proxy", address: "127.0.0.1", port: proxyPort },
    { step: "proxied" },
  ]);
});

test("a listener that throws does not concern the connection", async () => {
  const port = await listening(createServer());
  const { signal } = new AbortController();
  const transport = await platform.dial(address("mqtt", "localhost", port), signal, {}, () => {
    throw new Error("listener");
  });
  transport.destroy();
});
