// What cannot be a frame. That a framer finds what the encoder was given is in every-kind.test.ts.
import { expect, test } from "vitest";
import type { CheckSettings, FrameSettings } from "../../src/configuration/configuration.ts";
import { Failure } from "../../src/failure.ts";
import { frameEncoder } from "../../src/frame/frame-encoder.ts";
import { bytesOf, crc16, delimiter, length, none } from "./every-kind.ts";

const kept: FrameSettings = { ...delimiter, start: bytesOf("<"), end: bytesOf(">"), keep: true };
const hexCheck: CheckSettings = { ...crc16, as: "hex" } as CheckSettings;

test.each<[string, FrameSettings, CheckSettings, string, string]>([
  ["a line", { kind: "line" }, none, "on", "on\n"],
  ["a line with a check", { kind: "line" }, hexCheck, "123456789", "12345678929B1\n"],
  [
    "a line with an end in it",
    { kind: "line" },
    none,
    "on\noff",
    "malformed: byte 2 ends a line, so it cannot be in one",
  ],
  ["a delimiter", { ...delimiter, start: bytesOf("\x02") }, none, "on", "\x02on\r\n"],
  [
    "a delimiter with its end in the content",
    delimiter,
    none,
    "a\r\nb",
    "malformed: 0x0d0a ends a frame, so it cannot be in one (byte 1)",
  ],
  ["a delimiter whose end begins in the content", delimiter, none, "a\r", "a\r\r\n"],
  ["a delimiter that is kept", kept, none, "<a>", "<a>"],
  ["a kept delimiter without a beginning", kept, none, "a>", "malformed: the frame must begin with 0x3c"],
  ["a kept delimiter without an end", kept, none, "<a", "malformed: the frame must end with 0x3e"],
  ["a length", length, none, "ab", "\xa5\x5a\x05ab"],
  ["a length that counts the check", length, crc16, "a", "\xa5\x5a\x06a\x9d\xdd"],
  ["a length in a frame that has a header", { ...length, keep: true }, none, "xyzab", "\xa5\x5a\x05ab"],
  [
    "a frame that is shorter than its header",
    { ...length, keep: true },
    none,
    "xy",
    "malformed: the frame is shorter than its header of 3 bytes",
  ],
  [
    "a length that is too large for its field",
    length,
    none,
    "x".repeat(253),
    "too-long: the length 256 does not fit into 8 bits",
  ],
  ["parentheses", { kind: "paren" }, none, "(relay on);\n", "(relay on);\n"],
  ["a datagram", { kind: "datagram" }, crc16, "123456789", "123456789\x29\xb1"],
  ["Modbus RTU", { kind: "modbus-rtu" }, none, "\x01\x04\0\0\0\x04", "\x01\x04\0\0\0\x04\xf1\xc9"],
])("%s is encoded, or refused with the reason", (_, frame, check, body, expected) => {
  const encoded = frameEncoder({ frame, check })(bytesOf(body));
  expect(
    encoded instanceof Failure ? `${encoded.reason}: ${encoded.detail}` : Buffer.from(encoded).toString("latin1"),
  ).toBe(expected);
});
