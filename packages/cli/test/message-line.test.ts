import type { Message } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { messageLine } from "../src/message-line.ts";

test.each([
  ["text", [0x68, 0x69]],
  ["nothing", []],
  ["quotes and line feeds", [0x27, 0x0a]],
  ["what is not UTF-8", [0xff, 0x00, 0xc3]],
])("%s is passed on byte for byte", (_, bytes) => {
  const line = messageLine({ topic: "grüße/1", payload: new Uint8Array(bytes) } as Message);
  const expected = Buffer.concat([Buffer.from("Topic: grüße/1, message: '"), Buffer.from(bytes), Buffer.from("'\n")]);
  expect(Buffer.compare(line, expected)).toBe(0);
});

test("a topic cannot forge another line or command the terminal", () => {
  const line = messageLine({ topic: "a\n\u001b[2JTopic: b\u009b", payload: new Uint8Array(0) } as Message);
  expect(new TextDecoder().decode(line)).toBe("Topic: a\ufffd\ufffd[2JTopic: b\ufffd, message: ''\n");
});
