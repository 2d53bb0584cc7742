// What changes while a broker runs: listeners, certificates and limits.
import { connect as connectTls } from "node:tls";
import { type Client, connect } from "@aiko/mqtt";
import { ReasonCode } from "@aiko/mqtt/codec";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { Authority } from "../../../test/fixtures/certificates.ts";

const authority = await Authority.named("Test authority");
const first = await authority.issue(["127.0.0.1"]);
const second = await authority.issue(["127.0.0.1", "second.example"]);
const ca = authority.certificate;

async function started(options: BrokerOptions = {}): Promise<Broker> {
  const broker = await Broker.listen({ listeners: [], ...options });
  onTestFinished(() => broker.close());
  return broker;
}

async function connected(url: string, clientId: string, options = {}): Promise<Client> {
  const client = await connect(url, { clientId, reconnect: false, ...options });
  onTestFinished(() => client.disconnect());
  return client;
}

const refused = (url: string, options = {}) =>
  expect(connect(url, { reconnect: false, ...options })).rejects.toMatchObject({ code: expect.any(String) });

/** Whether a web page of this origin may open a WebSocket. */
function openedFrom(origin: string, url: string): Promise<boolean> {
  const socket = new WebSocket(url, ["mqtt"], { origin });
  onTestFinished(() => socket.terminate());
  return new Promise((resolve) => {
    socket.on("open", () => resolve(true));
    socket.on("error", () => resolve(false));
  });
}

/** The subject's other names in the certificate that the server shows. */
function certificateAt(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: hostname, port: Number(port), ca }, () => {
      resolve(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("a listener that is opened later accepts clients, and is listed", async () => {
  const broker = await started();
  const listener = await broker.openListener({ url: "mqtt://127.0.0.1:0", name: "late" });
  expect(broker.urls).toEqual([listener.url]);
  expect(listener.port).toBe(broker.port);
  await connected(listener.url, "a");
  expect(broker.clients.get("a")?.listener).toBe("late");
});

test("closing a listener disconnects its clients with 0x98, and no others", async () => {
  const broker = await started();
  const options = { url: "mqtt://127.0.0.1:0", name: "the same" };
  const [closing, staying] = [await broker.openListener(options), await broker.openListener(options)];
  const [leaving, remaining] = [await connected(closing.url, "leaving"), await connected(staying.url, "remaining")];
  const ended = new Promise((resolve) => leaving.once("disconnected", ({ error }) => resolve(error)));
  await closing.close();
  expect(await ended).toMatchObject({ reasonCode: ReasonCode.ADMINISTRATIVE_ACTION });
  await refused(closing.url);
  await remaining.publish("a", "", { qos: 1 });
  expect(broker.urls).toEqual([staying.url]);
});

test.each(["mqtts", "wss"])(
  "a new certificate of a listener for %s is used for new connections only",
  async (scheme) => {
    const broker = await started();
    const { certificate, key } = first;
    const listener = await broker.openListener({ url: `${scheme}://127.0.0.1:0`, tls: { certificate, key } });
    const client = await connected(listener.url, "a", { tls: { ca } });
    expect(await certificateAt(listener.url)).not.toContain("second.example");
    listener.change({ tls: second });
    expect(await certificateAt(listener.url)).toContain("second.example");
    await client.publish("a", "", { qos: 1 });
  },
);

test("a certificate that is not valid is rejected, and the former one stays", async () => {
  const broker = await started();
  const listener = await broker.openListener({ url: "mqtts://127.0.0.1:0", tls: second });
  expect(() => listener.change({ tls: { certificate: first.certificate, key: second.key } })).toThrow(
    "tls: key, passphrase or certificate is not valid",
  );
  expect(() => listener.change({ tls: { ...first, clientCa: ca } })).toThrow(
    "tls.clientCa: cannot be added or removed",
  );
  expect(await certificateAt(listener.url)).toContain("second.example");
  const plain = await broker.openListener({ url: "mqtt://127.0.0.1:0" });
  expect(() => plain.change({ tls: first })).toThrow("does not use TLS");
});

test("the connections of a listener can be limited while it is open", async () => {
  const broker = await started();
  const refusals: string[] = [];
  broker.on("refused", ({ reason }) => refusals.push(reason));
  const listener = await broker.openListener({ url: "mqtt://127.0.0.1:0" });
  await connected(listener.url, "a");
  listener.change({ maximumConnections: 1 });
  await refused(listener.url);
  expect(new Set(refusals)).toEqual(new Set(["the limit maximumConnections 1 is reached"]));
  listener.change({ maximumConnections: 2 });
  await connected(listener.url, "b");
});

test("the origins of a listener hold instead of the broker's, and can be changed", async () => {
  const broker = await started({ allowedOrigins: ["https://all.example"] });
  const listener = await broker.openListener({ url: "ws://127.0.0.1:0", allowedOrigins: ["https://own.example"] });
  const other = await broker.openListener({ url: "ws://127.0.0.1:0" });
  expect(await openedFrom("https://own.example", listener.url)).toBe(true);
  expect(await openedFrom("https://all.example", listener.url)).toBe(false);
  expect(await openedFrom("https://all.example", other.url)).toBe(true);
  listener.change({ allowedOrigins: ["https://all.example"] });
  expect(await openedFrom("https://all.example", listener.url)).toBe(true);
  expect(await openedFrom("https://own.example", listener.url)).toBe(false);
});

test("limits hold from their change on, and those that are not set have their defaults", async () => {
  const broker = await started({ maximumSessions: 1 });
  const { url } = await broker.openListener({ url: "mqtt://127.0.0.1:0" });
  await connected(url, "a");
  await refused(url, { clientId: "b" });
  broker.setLimits({ maximumSessions: 2 });
  await connected(url, "b");
  broker.setLimits({ maximumConnections: 1 });
  await refused(url, { clientId: "a" });
  expect(broker.statistics.openConnections).toBe(2);
  expect(() => broker.setLimits({ maximumSessions: 0 })).toThrow("maximumSessions 0");
  expect(() => broker.setLimits({ host: "a" } as never)).toThrow("unknown option");
});

test("the limits of addresses can be changed", async () => {
  const broker = await started({ perAddress: { loopback: true, maximumConnections: 1 } });
  const { url } = await broker.openListener({ url: "mqtt://127.0.0.1:0" });
  await connected(url, "a");
  await refused(url);
  broker.setLimits({ perAddress: { loopback: true, maximumConnections: 2 } });
  await connected(url, "b");
});

test("a closed broker opens no listener", async () => {
  const broker = await started();
  await broker.close();
  await expect(broker.openListener({ url: "mqtt://127.0.0.1:0" })).rejects.toMatchObject({ code: "BROKER_CLOSED" });
});

test.each([
  [
    { url: "mqtt://127.0.0.1:0", allowedOrigins: ["https://a.example"] },
    "allowedOrigins: is only allowed for ws: and wss:",
  ],
  [{ url: "http://127.0.0.1" }, "url: must be mqtt://host:port"],
  [{ url: "mqtts://127.0.0.1:0" }, "tls: mqtts: requires { certificate, key }"],
])("a listener with %j is rejected: %s", async (options, message) => {
  const broker = await started();
  await expect(broker.openListener(options)).rejects.toThrow(message);
  expect(broker.urls).toEqual([]);
});
