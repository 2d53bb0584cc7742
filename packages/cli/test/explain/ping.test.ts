import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/fixtures/free-port.ts";
import { runCommand } from "../../src/command.ts";
import { ping } from "../../src/explain/ping.ts";
import { RecordingTerminal } from "./recording-terminal.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.listen({ listeners: [{ url: "mqtt://127.0.0.1:0" }, { url: "ws://127.0.0.1:0" }] });
});
afterAll(() => broker.close());

async function pinged(...argv: string[]): Promise<RecordingTerminal & { code: number }> {
  const terminal = new RecordingTerminal();
  const code = await runCommand(ping, argv, terminal);
  return Object.assign(terminal, { code });
}

/** A server that sends these bytes as its answers, one after the other. */
async function answering(...answers: readonly (readonly number[])[]): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let next = 0;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => {
      const answer = answers[next++];
      if (answer !== undefined) socket.write(Uint8Array.from(answer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(["5", "311", "31"])("a server that answers MQTT %s is healthy", async (version) => {
  const shown = await pinged(broker.url, "-V", version);
  expect([shown.code, shown.notes]).toEqual([0, []]);
  expect(shown.output).toMatch(
    /^mqtt:\/\/127\.0\.0\.1:\d+ answers: MQTT [\d.]+, connected in [\d.]+ ms, PINGRESP in [\d.]+ ms\n$/,
  );
});

test("a WebSocket is healthy, and --json has the figures", async () => {
  const shown = await pinged(String(broker.urls[1]), "--json");
  expect(shown.code).toBe(0);
  expect(JSON.parse(shown.output)).toEqual({
    server: expect.stringContaining("ws://127.0.0.1"),
    protocolVersion: "5.0",
    connectMilliseconds: expect.any(Number),
    pingMilliseconds: expect.any(Number),
  });
});

test("the environment has the server, and a URL replaces it", async () => {
  const { hostname, port } = new URL(broker.url);
  const terminal = new RecordingTerminal({ MQTT_HOST: hostname, MQTT_PORT: port });
  expect([await runCommand(ping, [], terminal), terminal.notes]).toEqual([0, []]);
  const elsewhere = new RecordingTerminal({ MQTT_HOST: "broker.example", MQTT_PORT: "1", MQTT_TIMEOUT: "x" });
  expect(await runCommand(ping, [broker.url, "-W", "60"], elsewhere)).toBe(0);
  const wrong = new RecordingTerminal({ MQTT_TIMEOUT: "x" });
  expect(await runCommand(ping, [broker.url], wrong)).toBe(1);
  expect(wrong.notes).toEqual([expect.stringContaining("--timeout is set in MQTT_TIMEOUT")]);
});

test("a refused port ends with 1", async () => {
  const shown = await pinged("-h", "127.0.0.1", "-p", String(await freePort()));
  expect([shown.code, shown.output]).toEqual([1, ""]);
  expect(shown.notes).toEqual([expect.stringContaining("connection refused")]);
});

test("a refusal ends with its reason code", async () => {
  const shown = await pinged(await answering([0x20, 3, 0, 0x87, 0]), "-V", "5");
  expect([shown.code, shown.notes]).toEqual([135, [expect.stringContaining("Not authorized")]]);
});

test.each([
  ["CONNECT", []],
  ["PINGREQ", [[0x20, 2, 0, 0]]],
])("a server that does not answer %s ends with 27", async (_, answers) => {
  const shown = await pinged(await answering(...answers), "-V", "311", "-W", "0.1");
  expect([shown.code, shown.output]).toEqual([27, ""]);
  expect(shown.notes).toEqual(["timed out after 0.1 s"]);
});

test("a connection that ends before PINGRESP ends with 1", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write(Uint8Array.of(0x20, 2, 0, 0));
      socket.once("data", () => socket.destroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const shown = await pinged(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, "-V", "311");
  expect([shown.code, shown.notes.length]).toEqual([1, 1]);
});

test("--quiet reports nothing but the exit code", async () => {
  const healthy = await pinged(broker.url, "--quiet");
  expect([healthy.code, healthy.output, healthy.notes]).toEqual([0, "", []]);
  const shown = await pinged(`mqtt://127.0.0.1:${await freePort()}`, "--quiet");
  expect([shown.code, shown.output, shown.notes]).toEqual([1, "", []]);
});

test("the user can interrupt it", async () => {
  const url = await answering();
  const terminal = new RecordingTerminal();
  setImmediate(() => terminal.interrupt());
  expect(await runCommand(ping, [url], terminal)).toBe(1);
  expect(terminal.notes).toEqual(["interrupted before the server answered"]);
});
