// The sources "tcp" and "unix": connections that the gateway opens, and sockets at which it listens.
import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, Server as TlsServer } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { selfSigned } from "../../../../test/fixtures/certificates.ts";
import { freePort } from "../../../../test/fixtures/free-port.ts";
import { GatewayBench, numbered } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";

const source = (more: string): string => `
[[source]]
id = "device"
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
acknowledge = "ok {n}\\n"
${more}
`;

/** A device to which the gateway connects. */
class Listener {
  readonly sockets: Socket[] = [];
  received = "";

  constructor(readonly server: Server) {
    const event = server instanceof TlsServer ? "secureConnection" : "connection";
    server.on(event, (socket: Socket) => this.accept(socket));
    onTestFinished(() => {
      server.close();
      for (const socket of this.sockets) socket.destroy();
    });
  }

  static async at(
    place: { port: number; host: string } | { path: string },
    server = createServer(),
  ): Promise<Listener> {
    const listener = new Listener(server);
    server.listen(place);
    await once(server, "listening");
    return listener;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get socket(): Socket {
    return this.sockets.at(-1) ?? expect.fail("nobody is connected");
  }

  private accept(socket: Socket): void {
    this.sockets.push(socket);
    socket.setEncoding("latin1").on("error", () => {});
    socket.on("data", (text: string) => {
      this.received += text;
    });
  }
}

const LOOPBACK = { port: 0, host: "127.0.0.1" };

test("the gateway connects to a device, greets it, and answers it", async () => {
  const device = await Listener.at(LOOPBACK);
  const bench = await GatewayBench.start({
    sources: source(`kind = "tcp"\nconnect = "127.0.0.1:${device.port}"\nline_control = { greeting = "start\\n" }`),
  });
  await bench.until(() => device.received === "start\n");
  device.socket.write("1,x\n2,y\n");
  await bench.until(() => device.received === "start\nok 1\nok 2\n");
  await bench.until(() => bench.messages.length === 2);
  expect(bench.source("device")).toMatchObject({ state: "up", connections: 1, url: `tcp://127.0.0.1:${device.port}` });
});

test("a connection that is lost is opened again for ever, and half a frame is dropped", async () => {
  const device = await Listener.at(LOOPBACK);
  const bench = await GatewayBench.start({ sources: source(`kind = "tcp"\nconnect = "127.0.0.1:${device.port}"`) });
  for (let n = 1; n <= 5; n++) {
    await bench.until(() => device.sockets.length === n && bench.source("device").state === "up");
    device.socket.write(`${n},x\n${n}99`);
    await bench.until(() => bench.messages.length === n);
    if (n % 2 === 0) device.socket.resetAndDestroy();
    else device.socket.end();
    await bench.until(() => bench.source("device").state === "down");
  }
  await bench.until(() => bench.source("device").reopens === 5);
  expect(bench.topics).toEqual(numbered(1, 5).map((n) => `t/${n}`));
  expect(Object.keys(bench.counts("device").dropped)).toEqual(["incomplete"]);
});

test("a device that has ended its side gets its answers", async () => {
  const device = await Listener.at(LOOPBACK, createServer({ allowHalfOpen: true }));
  const bench = await GatewayBench.start({ sources: source(`kind = "tcp"\nconnect = "127.0.0.1:${device.port}"`) });
  await bench.until(() => device.sockets.length === 1);
  device.socket.end("1,x\n2,x\n");
  await bench.until(() => device.received === "ok 1\nok 2\n");
});

test("nothing that comes on the next connection is accepted before what came on the one before", async () => {
  const device = await Listener.at(LOOPBACK);
  const bench = await GatewayBench.start({
    sources: source(`kind = "tcp"\nconnect = "127.0.0.1:${device.port}"`),
    spool: 'mode = "memory"\nmax_records = 20',
    online: false,
  });
  await bench.until(() => device.sockets.length === 1);
  const lines = (from: number, to: number) =>
    numbered(from, to)
      .map((n) => `${n},x\n`)
      .join("");
  device.socket.write(lines(1, 100));
  await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
  device.socket.resetAndDestroy();
  await bench.until(() => bench.source("device").state === "down");
  bench.online();
  await bench.until(() => device.sockets.length === 2);
  device.socket.write(lines(101, 200));
  await bench.until(() => bench.topics.at(-1) === "t/200");
  expect(bench.topics).toEqual(numbered(1, 200).map((n) => `t/${n}`));
});

test("a connection that nobody accepts is an error in the status, once in the log", async () => {
  const port = await freePort();
  const bench = await GatewayBench.start({ sources: source(`kind = "tcp"\nconnect = "127.0.0.1:${port}"`) });
  expect(bench.source("device")).toMatchObject({ state: "down", lastError: expect.stringContaining("ECONNREFUSED") });
  const again = await Listener.at({ port, host: "127.0.0.1" });
  await bench.until(() => again.sockets.length === 1 && bench.source("device").state === "up");
  expect(bench.log.filter((line) => line.includes("source=device"))).toHaveLength(2);
});

test("with TLS, a device whose certificate is trusted is read, and another is not", async () => {
  const directory = await deviceDirectory();
  const { certificate, key } = await selfSigned("localhost");
  const ca = join(directory, "ca.pem");
  await writeFile(ca, certificate);
  const device = await Listener.at(LOOPBACK, createTlsServer({ cert: certificate, key }));
  const tcp = (tls: string): string => source(`kind = "tcp"\nconnect = "localhost:${device.port}"\ntls = ${tls}`);
  const bench = await GatewayBench.start({ sources: tcp(`{ ca = "${ca}" }`) });
  await bench.until(() => device.sockets.length === 1);
  device.socket.write("1,x\n");
  await bench.until(() => bench.messages.length === 1);
  await bench.gateway.reload(bench.configurationWith({ sources: tcp("true") }));
  expect(bench.source("device")).toMatchObject({ state: "down", lastError: expect.stringContaining("self-signed") });
});

test("programs connect to a Unix socket with the permissions that were configured", async () => {
  const path = join(await deviceDirectory(), "gateway.sock");
  const dead = createServer().listen(path);
  await once(dead, "listening");
  const bench = await GatewayBench.start({ sources: source(`kind = "unix"\npath = "${path}"\nmode = "0620"`) });
  expect(bench.source("device").lastError).toContain("EADDRINUSE"); // another program listens there
  await new Promise((resolve) => dead.close(resolve));
  await bench.until(() => bench.source("device").state === "up");
  expect((await stat(path)).mode & 0o777).toBe(0o620);
  expect(bench.source("device").url).toBe(`unix:${path}`);
  const program = createConnection({ path });
  onTestFinished(() => void program.destroy());
  let received = "";
  program.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  program.write("1,x\n2,x\n");
  await bench.until(() => received === "ok 1\nok 2\n");
  await bench.until(() => bench.messages.length === 2);
});

test("the gateway connects to a program's Unix socket, again after it was restarted", async () => {
  const path = join(await deviceDirectory(), "program.sock");
  const bench = await GatewayBench.start({ sources: source(`kind = "unix"\npath = "${path}"\nlisten = false`) });
  expect(bench.source("device").lastError).toContain("ENOENT");
  for (const n of [1, 2]) {
    const program = await Listener.at({ path });
    await bench.until(() => program.sockets.length === 1);
    program.socket.write(`${n},x\n`);
    await bench.until(() => bench.messages.length === n);
    program.server.close();
    program.socket.destroy();
    await bench.until(() => bench.source("device").state === "down");
  }
});

test("a source that is connecting is stopped at once", async () => {
  const bench = await GatewayBench.start({
    sources: source('kind = "tcp"\nconnect = "127.0.0.1:9"'),
  });
  await bench.stop();
  expect(bench.source("device").state).toBe("down");
});
