import type { Message } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { messageLine } from "../src/message-line.ts";

test.each([
  ["text", "grüße/1", [0x68, 0x69]],
  ["nothing", "a", []],
  ["quotes and line feeds", "a", [0x27, 0x0a]],
  ["invalid UTF-8", "a", [0xff, 0x00, 0xc3]],
  ["control characters", "a\u001b[2J\n\u009b", [0x1b, 0x07]],
])("data is passed on byte for byte: %s", (_, topic, bytes) => {
  const line = messageLine({ topic, payload: new Uint8Array(bytes) } as Message, false);
  const expected = Buffer.concat([Buffer.from(`Topic: ${topic}, message: '`), Buffer.from(bytes), Buffer.from("'\n")]);
  expect(Buffer.compare(line, expected)).toBe(0);
});

test("on a terminal, a message cannot control it, and a topic fills one line", () => {
  const payload = new TextEncoder().encode("one\n\ttwo\r\u001b]0;title\u0007");
  const line = messageLine({ topic: "a\n\u001b[2JTopic: b\u009b", payload } as Message, true);
  expect(new TextDecoder().decode(line)).toBe(
    "Topic: a\\x0a\\x1b[2JTopic: b\\xc2\\x9b, message: 'one\n\ttwo\\x0d\\x1b]0;title\\x07'\n",
  );
});
