import { expect, test } from "vitest";
import { mayCarry as wholeMayCarry } from "../../src/codec/reason-codes.ts";
import { ProtocolError, RefusedError } from "../../src/errors.ts";
import { fault, hex, mayCarry, type ReasonedType, refused } from "../../src/small/reason-rules.ts";

const types: readonly ReasonedType[] = [
  "connack",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "suback",
  "unsuback",
  "disconnect",
];

test.each(types)("%s may carry exactly the reason codes in the full codec's table", (type) => {
  const byWhole = [];
  const bySmall = [];
  for (let code = 0; code < 256; code++) {
    if (wholeMayCarry(type, code)) byWhole.push(hex(code));
    if (mayCarry(type, code)) bySmall.push(hex(code));
  }
  expect(bySmall).toEqual(byWhole);
  expect(bySmall.length).toBeGreaterThan(1);
});

test.each(types)("%s may carry no number that is not a reason code", (type) => {
  for (const code of [-1, 0.5, 128.5, 256, 300, Number.NaN, Infinity]) expect(mayCarry(type, code)).toBe(false);
});

test.each([
  [0x81, "MALFORMED_PACKET"],
  [0x82, "PROTOCOL_ERROR"],
  [0x90, "PROTOCOL_ERROR"],
  [0x93, "PROTOCOL_ERROR"],
  [0x94, "PROTOCOL_ERROR"],
  [0x95, "PACKET_TOO_LARGE"],
] as const)("an error with reason code %i is %s, which DISCONNECT may carry", (reasonCode, code) => {
  expect(fault("rule", reasonCode)).toBeInstanceOf(ProtocolError);
  expect(fault("rule", reasonCode)).toMatchObject({ code, reasonCode, message: "rule" });
  expect(wholeMayCarry("disconnect", reasonCode)).toBe(true);
});

test("an error is a Protocol Error unless it says otherwise", () => {
  expect(fault("rule")).toMatchObject({ code: "PROTOCOL_ERROR", reasonCode: 0x82 });
});

test("a reason code of 0x80 and above is a refusal", () => {
  for (const code of [0, 1, 2, 0x10, 0x7f]) expect(refused("SUBSCRIBE_REFUSED", "it", code)).toBeUndefined();
  const refusal = refused("SUBSCRIBE_REFUSED", "it", 0x80, { reasonString: "why" });
  expect(refusal).toBeInstanceOf(RefusedError);
  expect(refusal).toMatchObject({
    code: "SUBSCRIBE_REFUSED",
    reasonCode: 0x80,
    message: expect.stringContaining("0x80"),
  });
});
