// The messages that a server before MQTT 5 sends back to a bridge.
import { expect, test } from "vitest";
import { Echoes } from "../../src/bridge/echoes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("each message is recognized once, by topic and payload", () => {
  const echoes = new Echoes();
  echoes.expect("a", bytes("1"), 0);
  echoes.expect("a", bytes("1"), 0);
  echoes.expect("a", bytes("2"), 0);
  expect(echoes.take("b", bytes("1"), 1)).toBe(false);
  expect(echoes.take("a", bytes("2"), 1)).toBe(true);
  expect(echoes.take("a", bytes("2"), 1)).toBe(false);
  expect(echoes.take("a", bytes("1"), 1)).toBe(true);
  expect(echoes.take("a", bytes("1"), 1)).toBe(true);
  expect(echoes.take("a", bytes("1"), 1)).toBe(false);
  expect(echoes.size).toBe(0);
});

test("a message is not recognized after a minute, and is forgotten", () => {
  const echoes = new Echoes();
  echoes.expect("a", bytes("1"), 0);
  expect(echoes.take("a", bytes("1"), 60_000)).toBe(false);
  echoes.expect("b", bytes("1"), 60_000);
  expect(echoes.size).toBe(1);
});

test("the number of messages and their bytes are limited", () => {
  const echoes = new Echoes();
  for (let i = 0; i < 20_000; i++) echoes.expect(`${i}`, bytes("1"), 0);
  expect(echoes.size).toBe(10_000);
  expect(echoes.take("0", bytes("1"), 0)).toBe(false);
  expect(echoes.take("19999", bytes("1"), 0)).toBe(true);
  for (let i = 0; i < 40; i++) echoes.expect("large", new Uint8Array(1_000_000), 0);
  expect(echoes.size).toBe(16);
});
