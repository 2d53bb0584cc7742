import { connect, StoreError } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { Log } from "@aiko/mqtt-configuration";
import { expect, test } from "vitest";
import type { BrokerEvents } from "../../src/broker-events.ts";
import { logEvents } from "../../src/service/event-log.ts";

type Emit = <Name extends keyof BrokerEvents>(name: Name, event: BrokerEvents[Name]) => void;

/** Events that a test makes, and the lines that are written. */
function logged(level: "error" | "info" | "debug", format: "text" | "json" = "text"): { lines: string[]; emit: Emit } {
  const lines: string[] = [];
  const listeners = new Map<string, (event: unknown) => void>();
  const on = (name: string, listener: unknown): (() => void) => {
    listeners.set(name, listener as (event: unknown) => void);
    return () => undefined;
  };
  const log = new Log(
    level,
    format,
    (line) => lines.push(line),
    () => 0,
  );
  logEvents({ on } as Pick<Broker, "on">, log);
  return { lines, emit: (name, event) => listeners.get(name)?.(event) };
}

test("does not log the broker's own statistics", () => {
  const listeners = new Map<string, (event: object) => void>();
  const lines: string[] = [];
  const log = new Log(
    "debug",
    "text",
    (line) => void lines.push(line),
    () => 0,
  );
  logEvents({ on: (name: string, listener: never) => void listeners.set(name, listener) } as never, log);
  listeners.get("published")?.({ clientId: undefined, topic: "$SYS/broker/uptime", bytes: 1 });
  listeners.get("published")?.({ clientId: undefined, topic: "a", bytes: 1 });
  expect(lines).toEqual([expect.stringContaining("topic=a")]);
});

test("an event is a line of names and values, without those that are unknown", () => {
  const { lines, emit } = logged("debug");
  emit("connected", { clientId: "c", protocolVersion: 4, address: "::1", identity: undefined, sessionPresent: true });
  emit("connected", { clientId: "", protocolVersion: 5, address: undefined, identity: "ann", sessionPresent: false });
  emit("refused", { reason: '"c": no' });
  emit("disconnected", { clientId: "c", reason: "lost" });
  emit("subscribed", { clientId: "c", topicFilter: "a/#", qos: 1 });
  emit("unsubscribed", { clientId: "c", topicFilter: "a/#" });
  emit("published", { clientId: "c", topic: "a b", bytes: 3 });
  emit("publishRefused", { clientId: "c", topic: "a", reasonCode: 0x87, reason: "no" });
  emit("subscribeRefused", { clientId: "c", topicFilter: "a", reasonCode: 0x87, reason: "no" });
  emit("dropped", { clientId: "c", topic: "a", reason: "full" });
  emit("notRetained", { clientId: undefined, topic: "a", reason: "r" });
  emit("storeFailed", { error: new StoreError("STORE_FULL", "the disk is full") });
  emit("storeRecovered", {});
  emit("storeDamaged", { records: 1, reason: "no" });
  emit("error", new Error("e"));
  expect(lines).toEqual([
    "info: connected client=c version=3.1.1 address=::1 session=resumed",
    'info: connected client="" version=5.0 identity=ann session=new',
    String.raw`info: refused reason="\"c\": no"`,
    "info: disconnected client=c reason=lost",
    "debug: subscribed client=c filter=a/# qos=1",
    "debug: unsubscribed client=c filter=a/#",
    'debug: published client=c topic="a b" bytes=3',
    "info: publishRefused client=c topic=a reason=no",
    "info: subscribeRefused client=c filter=a reason=no",
    "info: dropped client=c topic=a reason=full",
    "info: notRetained topic=a reason=r",
    'error: storeFailed reason="the disk is full"',
    "warn: storeRecovered",
    "error: storeDamaged records=1 reason=no",
    'error: a handler of the broker failed error="Error: e"',
  ]);
});

test("the level says which events are written", () => {
  const { lines, emit } = logged("info");
  emit("published", { clientId: "c", topic: "a", bytes: 3 });
  expect(lines).toEqual([]);
});

test("as JSON, a line is an object", () => {
  const { lines, emit } = logged("info", "json");
  emit("disconnected", { clientId: "c", reason: "lost" });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { time: "1970-01-01T00:00:00.000Z", level: "info", message: "disconnected", client: "c", reason: "lost" },
  ]);
});

test("a client's text cannot control the terminal, begin another line, or fill it", () => {
  const { lines, emit } = logged("info");
  emit("disconnected", { clientId: "a\u001b]0;x\u0007\r\n\u0085\u009b\u2028\u007f", reason: "x".repeat(65_535) });
  expect(lines[0]).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(lines[0]?.length).toBeLessThan(400);
});

test("each event of a broker's clients is one line", async () => {
  await using broker = await Broker.listen({ port: 0, retained: { maximumCount: 0 } });
  const lines: string[] = [];
  const log = new Log(
    "debug",
    "text",
    (line) => lines.push(line),
    () => 0,
  );
  logEvents(broker, log);
  const client = await connect(broker.url, { clientId: "c", protocolVersion: 5 });
  const subscription = await client.subscribe("a/+");
  await client.publish("a/b", "xyz", { retain: true });
  await subscription.unsubscribe();
  await client.disconnect();
  await expect.poll(() => lines).toHaveLength(6);
  expect(lines).toEqual([
    "info: connected client=c version=5.0 address=127.0.0.1 session=new",
    "debug: subscribed client=c filter=a/+ qos=0",
    'info: notRetained client=c topic=a/b reason="the limit retained.maximumCount 0 is reached"',
    "debug: published client=c topic=a/b bytes=3",
    "debug: unsubscribed client=c filter=a/+",
    expect.stringMatching(/^info: disconnected client=c reason=.+$/),
  ]);
});
