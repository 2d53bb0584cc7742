// The ledger counts only what is certain: whatever a dying connection still carries, a count of 1 is a fault.
import type { Packet } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { payloadOf, topicOf } from "./numbered-message.ts";
import { WireLedger } from "./wire-ledger.ts";

const publish = (number: number, packetIdentifier: number, dup = false): Packet => ({
  type: "publish",
  topic: topicOf(number),
  payload: new TextEncoder().encode(payloadOf(number)),
  qos: 2,
  retain: false,
  dup,
  packetIdentifier,
});
const pubrec = (packetIdentifier: number): Packet => ({ type: "pubrec", packetIdentifier, reasonCode: 0 });
const pubrel = (packetIdentifier: number): Packet => ({ type: "pubrel", packetIdentifier, reasonCode: 0 });
const connack = (sessionPresent: boolean): Packet => ({ type: "connack", sessionPresent, reasonCode: 0 });

/** Each packet with its sender, ">" for the client or "<" for the server, and the connection. */
function ledgerOf(...packets: readonly (readonly [">" | "<", number, Packet])[]): WireLedger {
  const ledger = new WireLedger();
  for (const [from, connection, packet] of packets) {
    ledger.came(from === ">" ? "toServer" : "toClient", packet, connection);
  }
  return ledger;
}

describe("a QoS 2 message is one delivery", () => {
  test("if it is resent until its PUBREL, over any number of connections", () => {
    const { published } = ledgerOf(
      ["<", 1, connack(false)],
      [">", 1, publish(1, 5)],
      ["<", 2, connack(true)],
      [">", 2, publish(1, 5, true)],
      ["<", 2, pubrec(5)],
      [">", 2, pubrel(5)],
    );
    expect([published.times(1), published.doubled]).toEqual([1, 0]);
  });

  test.each([">", "<"] as const)("if %s sent it over a connection that is read late, after PUBREL", (from) => {
    const back = from === ">" ? "<" : ">";
    const { published, received } = ledgerOf(
      ["<", 1, connack(false)],
      ["<", 2, connack(true)],
      [from, 2, publish(1, 5, true)],
      [back, 2, pubrec(5)],
      [from, 2, pubrel(5)],
      [from, 1, publish(1, 5)],
    );
    const flow = from === ">" ? published : received;
    expect([flow.times(1), flow.doubled, flow.outOfOrder]).toEqual([1, 0, 0]);
  });

  test("if it is first seen late, and then resent", () => {
    const { published } = ledgerOf(
      ["<", 1, connack(false)],
      ["<", 2, connack(true)],
      [">", 1, publish(6, 5)],
      [">", 1, publish(1, 4)],
      [">", 2, publish(1, 4, true)],
      [">", 2, publish(6, 5, true)],
    );
    expect([published.doubled, published.outOfOrder, published.last]).toEqual([0, 0, 6]);
    expect(published.numbers).toEqual([1, 6]);
  });

  test("if a late PUBREL of another message has its identifier", () => {
    const { published } = ledgerOf(
      ["<", 1, connack(false)],
      [">", 1, publish(1, 5)],
      ["<", 2, connack(true)],
      [">", 2, pubrel(5)],
      [">", 2, publish(2, 5)],
      [">", 1, pubrel(5)],
      [">", 2, publish(2, 5, true)],
    );
    expect(published.doubled).toBe(0);
  });
});

describe("a QoS 2 message is duplicated", () => {
  test("if it is resent after its PUBREL", () => {
    const { published } = ledgerOf(
      ["<", 1, connack(false)],
      [">", 1, publish(1, 5)],
      ["<", 1, pubrec(5)],
      [">", 1, pubrel(5)],
      ["<", 2, connack(true)],
      [">", 2, publish(1, 5, true)],
    );
    expect([published.doubled, published.repeated]).toEqual([1, [1]]);
  });

  test("if it is sent again under another identifier", () => {
    const { received } = ledgerOf(["<", 1, connack(false)], ["<", 1, publish(1, 5)], ["<", 1, publish(1, 6)]);
    expect([received.doubled, received.repeated]).toEqual([1, [1]]);
  });

  test("if it is sent again although the server lost the session", () => {
    const { published } = ledgerOf(
      ["<", 1, connack(false)],
      [">", 1, publish(1, 5)],
      ["<", 2, connack(false)],
      [">", 2, publish(1, 5)],
    );
    expect(published.doubled).toBe(1);
  });
});

test("messages that are sent for the first time in another order than they were published are out of order, within a topic", () => {
  const { published } = ledgerOf(
    ["<", 1, connack(false)],
    [">", 1, publish(6, 1)],
    [">", 1, publish(2, 2)],
    [">", 1, publish(1, 3)],
  );
  expect(published.outOfOrder).toBe(1);
});

test("a message that was sent but not forwarded counts as sent", () => {
  const { published } = ledgerOf(["<", 1, connack(false)], [">", 1, publish(7, 1)]);
  expect([published.has(7), published.last, published.has(8)]).toEqual([true, 7, false]);
});
