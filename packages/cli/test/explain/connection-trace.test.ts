import { expect, test } from "vitest";
import { ConnectionTrace } from "../../src/explain/connection-trace.ts";

const address = { scheme: "wss", host: "broker.example", port: 443, path: "/mqtt?token=secret" } as const;
const connected = {
  server: "wss://broker.example:443/mqtt",
  protocolVersion: 5,
  clientId: "kitchen",
  sessionPresent: false,
  properties: {},
} as const;
const DAY = 86_400_000;

/** A trace whose clock advances by 10 ms at each look. */
function traced(): ConnectionTrace {
  let now = 0;
  return new ConnectionTrace(() => {
    now += 10;
    return now;
  });
}

const rows = (trace: ConnectionTrace) => trace.steps.map(({ name, state, detail }) => [name, state, detail]);

test("each step has its result and its time", () => {
  const trace = traced();
  trace.begin(address);
  trace.reached({ step: "resolved", address: "192.0.2.7" });
  trace.reached({ step: "resolved", address: "2001:db8::7" });
  trace.reached({ step: "connected", to: "server", address: "192.0.2.7", port: 443 });
  const certificate = { subject: "x", issuer: "Devices", names: ["a", "b"], validUntil: 30 * DAY + 1_000 };
  trace.reached({ step: "secured", protocol: "TLSv1.3", cipher: "AES", certificate });
  trace.opened();
  trace.accepted(connected);
  expect(rows(trace)).toEqual([
    ["name", "ok", "192.0.2.7, 2001:db8::7"],
    ["TCP", "ok", "192.0.2.7 port 443"],
    ["TLS", "ok", "TLSv1.3, AES, certificate for a, b by Devices, valid until 1970-01-31 (30 days)"],
    ["WebSocket", "ok", "upgraded at /mqtt"],
    ["CONNACK", "ok", 'MQTT 5.0, new session, client "kitchen"'],
  ]);
  expect(trace.steps.every(({ time }) => time > 0)).toBe(true);
  expect(trace.server).toBe("wss://broker.example:443/mqtt");
});

test("the first step without a result is the one that failed", () => {
  const trace = traced();
  trace.begin(address);
  trace.reached({ step: "resolved", address: "192.0.2.7" });
  trace.reached({ step: "connected", to: "server", address: "192.0.2.7", port: 443 });
  expect(trace.failed("no certificate", false)).toBe("TLS");
  expect(rows(trace).slice(2)).toEqual([
    ["TLS", "failed", "no certificate"],
    ["WebSocket", "not reached", ""],
    ["CONNACK", "not reached", ""],
  ]);
});

test("through a proxy, the proxy's name is resolved, and the proxy is a step of its own", () => {
  const trace = traced();
  trace.begin({ scheme: "mqtt", host: "192.0.2.9", port: 1883, path: "" });
  trace.reached({ step: "resolved", address: "192.0.2.1" });
  trace.reached({ step: "connected", to: "proxy", address: "192.0.2.1", port: 8080 });
  expect(trace.failed("no route", false)).toBe("proxy");
  expect(rows(trace)).toEqual([
    ["name", "ok", "192.0.2.1"],
    ["TCP", "ok", "192.0.2.1 port 8080, the proxy"],
    ["proxy", "failed", "no route"],
    ["CONNACK", "not reached", ""],
  ]);
});

test("a proxy with an address resolves the name of the server", () => {
  const trace = traced();
  trace.begin({ scheme: "mqtt", host: "broker.example", port: 1883, path: "" });
  trace.reached({ step: "connected", to: "proxy", address: "192.0.2.1", port: 8080 });
  trace.reached({ step: "proxied" });
  expect(trace.steps.map(({ name }) => name)).toEqual(["TCP", "proxy", "CONNACK"]);
  const refused = traced();
  refused.begin({ scheme: "mqtt", host: "broker.example", port: 1883, path: "" });
  expect(refused.failed("connection refused", false)).toBe("TCP");
  expect(refused.steps.map(({ name }) => name)).toEqual(["TCP", "CONNACK"]);
});

test("a name that cannot be resolved is the step that failed", () => {
  const trace = traced();
  trace.begin({ scheme: "mqtt", host: "broker.example", port: 1883, path: "" });
  expect(trace.failed("not found", true)).toBe("name");
});

test("a Unix socket has two steps", () => {
  const trace = traced();
  trace.begin({ scheme: "unix", host: "/run/broker.sock", port: 0, path: "" });
  trace.reached({ step: "connected", to: "server", address: "", port: 0 });
  expect(trace.failed("silent", false)).toBe("CONNACK");
  expect(rows(trace)[0]).toEqual(["socket", "ok", "/run/broker.sock"]);
  expect(trace.server).toBe("unix:/run/broker.sock");
});

test("a later attempt replaces the earlier one, and the version says so", () => {
  const trace = traced();
  trace.begin({ scheme: "mqtt", host: "127.0.0.1", port: 1883, path: "" });
  trace.failed("closed", false);
  trace.begin({ scheme: "mqtt", host: "127.0.0.1", port: 1883, path: "" });
  trace.reached({ step: "connected", to: "server", address: "127.0.0.1", port: 1883 });
  trace.accepted({ ...connected, protocolVersion: 4 });
  const detail = 'MQTT 3.1.1 (the server does not accept a newer version), new session, client "kitchen"';
  expect(rows(trace)[1]).toEqual(["CONNACK", "ok", detail]);
});

test("text of the server cannot control the terminal", () => {
  const trace = traced();
  trace.begin({ scheme: "mqtts", host: "127.0.0.1", port: 8883, path: "" });
  trace.reached({ step: "connected", to: "server", address: "127.0.0.1", port: 8883 });
  const certificate = { subject: "\u001b[2J", issuer: "\u009b2J\n", names: [], validUntil: Number.NaN };
  trace.reached({ step: "secured", protocol: "TLSv1.3", cipher: "AES", certificate });
  expect(rows(trace)[1]).toEqual(["TLS", "ok", "TLSv1.3, AES, certificate for \ufffd[2J by \ufffd2J\ufffd"]);
});

test("without an attempt, no step has failed", () => {
  const trace = traced();
  expect(trace.failed("unreadable", false)).toBeUndefined();
  expect([trace.server, trace.steps]).toEqual([undefined, []]);
});
