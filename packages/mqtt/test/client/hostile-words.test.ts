// A peer's text is part of error messages: it must not break a line of a log, or control the terminal that shows it.
import {
  AbortedError,
  ClosedError,
  MqttError,
  OutboxError,
  ProtocolError,
  RefusedError,
  StoreError,
  TimeoutError,
  TransportError,
  UsageError,
} from "@aiko/mqtt";
import { createClient as createSmallClient } from "@aiko/mqtt/small";
import { expect, test } from "vitest";
import { Bench, message, subscribed, watch } from "./bench.ts";

const WORDS = "no\r\n12:00 admin logged in\u001b[2J\u001b]0;x\u0007\u009b\u0000\u202e\u2066";
const CONTROL = /\p{C}/u;

test.each([
  new UsageError("OPTION_INVALID", WORDS),
  new ClosedError("CLIENT_CLOSED", WORDS),
  new AbortedError("ABORTED", WORDS),
  new ProtocolError("PROTOCOL_ERROR", 0x82, WORDS),
  new RefusedError("CONNECT_REFUSED", 0x87, "refused", { reasonString: WORDS }),
  new TransportError("PROXY_FAILED", WORDS),
  new OutboxError("OUTBOX_FULL", WORDS),
  new StoreError("STORE_FULL", WORDS),
  new TimeoutError("CONNECT_TIMEOUT", WORDS),
] as MqttError[])("$name has a message and a stack without control characters; the message is one line", (error) => {
  expect(error.message).not.toMatch(CONTROL);
  expect(error.message).toMatch(/no\ufffd{2}12:00 admin logged in/);
  expect(error.stack?.split("\n    at ")[0]).not.toMatch(CONTROL);
});

test("the peer's text is unchanged in reasonString and serverReference", () => {
  const error = new RefusedError("CONNECT_REFUSED", 0x9c, "x", { reasonString: WORDS, serverReference: WORDS });
  expect([error.reasonString, error.serverReference]).toEqual([WORDS, WORDS]);
});

test("messages never contain control characters from a server: reason strings, close reasons, topics", async () => {
  const said = WORDS.replace("\0", "");
  const { bench, client, peer, events } = await new Bench().online();
  await subscribed(bench, client, peer, "#");
  const publishing = watch(client.publish("a", "x", { qos: 1 }));
  const { packetIdentifier } = await peer.expect("publish");
  peer.send({ type: "puback", packetIdentifier, reasonCode: 0x87, properties: { reasonString: said } });
  peer.send(message(`a${said}`, "x"));
  peer.send({ type: "disconnect", reasonCode: 0x9c, properties: { reasonString: said, serverReference: said } });
  await bench.clock.tick();
  const again = await bench.passing(bench.server.next());
  await again.expect("connect");
  again.send({ type: "connack", sessionPresent: false, reasonCode: 0x87, properties: { reasonString: said } });
  await bench.clock.tick();
  const errors = [publishing.error, ...events.map(({ value }) => (value as { error?: unknown }).error ?? value)];
  const messages = errors.filter((error) => error instanceof MqttError).map((error) => error.message);
  expect(messages.length).toBeGreaterThanOrEqual(3);
  expect(messages.filter((each) => CONTROL.test(each))).toEqual([]);
});

test("the same holds for the small client", async () => {
  const bench = new Bench();
  const client = createSmallClient("mqtt://server", { platform: bench.platform });
  const outcome = watch(client.connect());
  const peer = await bench.server.next();
  await peer.expect("connect");
  const reasonString = WORDS.replace("\0", "");
  await bench.deliver(peer, { type: "connack", sessionPresent: false, reasonCode: 0x87, properties: { reasonString } });
  expect(outcome.error).toBeInstanceOf(RefusedError);
  expect((outcome.error as RefusedError).message).not.toMatch(CONTROL);
  expect((outcome.error as RefusedError).reasonString).toBe(reasonString);
});
