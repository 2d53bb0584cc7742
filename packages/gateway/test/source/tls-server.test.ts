// The source "tcp-server" with TLS: who may connect, and what becomes of renewed certificates.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { Authority, type Identity } from "../../../../test/fixtures/certificates.ts";
import { Device, GatewayBench, LINES } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";

const server = await Authority.named("servers");
const clients = await Authority.named("clients");
const strangers = await Authority.named("clients"); // looks like the other

async function files(identity: Identity): Promise<{ readonly directory: string; readonly tls: string }> {
  const directory = await deviceDirectory();
  await write(directory, identity);
  await writeFile(join(directory, "ca.pem"), clients.certificate);
  return { directory, tls: `cert = "${join(directory, "cert.pem")}", key = "${join(directory, "key.pem")}"` };
}

async function write(directory: string, { certificate, key }: Identity): Promise<void> {
  await writeFile(join(directory, "cert.pem"), certificate);
  await writeFile(join(directory, "key.pem"), key);
}

function portOf(bench: GatewayBench): number {
  return Number(new URL(bench.url().replace("tls:", "http:")).port);
}

/** Connects, sends a line, and resolves to the answer and the serial number of the server's certificate. Rejects if the server closes. */
async function exchange(bench: GatewayBench, options: ConnectionOptions = {}) {
  const socket = connectTls({ port: portOf(bench), host: "localhost", ca: server.certificate, ...options });
  onTestFinished(() => void socket.destroy());
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("data", (bytes) => resolve(bytes.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
  });
  socket.write("1,x\n");
  return { answer: await answer, certificate: socket.getPeerCertificate().serialNumber, socket };
}

function isOpen(socket: TLSSocket): boolean {
  return !socket.destroyed && socket.readable && socket.writable;
}

test("a device is read and answered over TLS, and one without TLS is not", async () => {
  const { tls } = await files(await server.issue(["localhost"]));
  const bench = await GatewayBench.start({ lines: `tls = { ${tls} }` });
  expect(bench.url()).toMatch(/^tls:\/\/127\.0\.0\.1:/);
  expect((await exchange(bench)).answer).toBe("ok 1\n");
  const plain = await Device.connect(portOf(bench));
  plain.send("2,x\n".repeat(100));
  await bench.until(() => plain.isEnded || plain.isClosed);
  await bench.until(() => bench.messages.length === 1);
  expect(bench.counts().in).toBe(1);
  expect(bench.source("lines").connections).toBe(1);
});

test("with an authority, only clients with a certificate of it may connect", async () => {
  const { directory, tls } = await files(await server.issue(["localhost"]));
  const bench = await GatewayBench.start({ lines: `tls = { ${tls}, ca = "${join(directory, "ca.pem")}" }` });
  await expect(exchange(bench)).rejects.toThrow();
  const { certificate, key } = await strangers.issue(["device"]);
  await expect(exchange(bench, { cert: certificate, key })).rejects.toThrow();
  const known = await clients.issue(["device"]);
  expect((await exchange(bench, { cert: known.certificate, key: known.key })).answer).toBe("ok 1\n");
  expect(bench.counts().in).toBe(1);
});

// The machine may stop during one attempt.
test("connections whose handshake has not ended count, and a stop does not wait for them", { retry: 3 }, async () => {
  const { tls } = await files(await server.issue(["localhost"]));
  const bench = await GatewayBench.start({ lines: `max_connections = 2\ntls = { ${tls} }` });
  const silent = [await Device.connect(portOf(bench)), await Device.connect(portOf(bench))];
  await expect(exchange(bench)).rejects.toThrow();
  expect(bench.log.some((line) => line.includes("max_connections (2) is reached"))).toBe(true);
  expect(silent.some(({ isEnded }) => isEnded)).toBe(false);
  const began = performance.now();
  await bench.stop();
  expect(performance.now() - began).toBeLessThan(4_000);
});

test("a renewed certificate is used after a reload, without closing connections; files that are wrong change nothing", async () => {
  const { directory, tls } = await files(await server.issue(["localhost"]));
  const bench = await GatewayBench.start({ lines: `tls = { ${tls} }` });
  const first = await exchange(bench);
  await write(directory, await server.issue(["localhost"]));
  await bench.gateway.reload(bench.configuration);
  const second = await exchange(bench);
  expect(second.certificate).not.toBe(first.certificate);
  await writeFile(join(directory, "key.pem"), "no key");
  await bench.gateway.reload(bench.configuration);
  expect(bench.log.some((line) => line.includes("cannot read the source's files again"))).toBe(true);
  expect((await exchange(bench)).certificate).toBe(second.certificate);
  expect(isOpen(first.socket)).toBe(true);
  expect(bench.source("lines")).toMatchObject({ state: "up", reopens: 0, connections: 3 });
});

test("a certificate that does not exist yet is waited for", async () => {
  const { directory, tls } = await files(await server.issue(["localhost"]));
  const missing = tls.replace("cert.pem", "later.pem");
  const bench = await GatewayBench.start({ sources: `${LINES}tls = { ${missing} }` });
  expect(bench.source("lines")).toMatchObject({ state: "down", lastError: expect.stringContaining("ENOENT") });
  const renewed = await server.issue(["localhost"]);
  await write(directory, renewed);
  await writeFile(join(directory, "later.pem"), renewed.certificate);
  await bench.until(() => bench.source("lines").state === "up");
  expect((await exchange(bench)).answer).toBe("ok 1\n");
});

test("a device that has ended its side gets its last answers", async () => {
  const { tls } = await files(await server.issue(["localhost"]));
  const bench = await GatewayBench.start({ lines: `tls = { ${tls} }` });
  const options = { port: portOf(bench), host: "localhost", ca: server.certificate, allowHalfOpen: true };
  const socket = connectTls(options);
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  socket.end("1,x\n2,x");
  await once(socket, "close");
  expect(received).toBe("ok 1\nok 2\n");
});
