import { describeReasonCode, describeReturnCode, encode, type Packet, ReasonCode } from "@aiko/mqtt/codec";
import { expect, test } from "vitest";
import { decodeOne, faultOf } from "./decoding.ts";
import { fromHex, toHex } from "./vectors.ts";

/** MQTT 5.0, tables 3-1, 3-4 … 3-11: the reason codes that each packet may carry. */
const codes: Record<string, string> = {
  connack: "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
  puback: "00 10 80 83 87 90 91 97 99",
  pubrec: "00 10 80 83 87 90 91 97 99",
  pubrel: "00 92",
  pubcomp: "00 92",
  suback: "00 01 02 80 83 87 8f 91 97 9e a1 a2",
  unsuback: "00 11 80 83 87 8f 91",
  disconnect: "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
  auth: "00 18 19",
};

const bytesWith: Record<string, (code: string) => string> = {
  connack: (code) => `2003 00 ${code} 00`,
  puback: (code) => `4004 0001 ${code} 00`,
  pubrec: (code) => `5004 0001 ${code} 00`,
  pubrel: (code) => `6204 0001 ${code} 00`,
  pubcomp: (code) => `7004 0001 ${code} 00`,
  suback: (code) => `9004 0001 00 ${code}`,
  unsuback: (code) => `b004 0001 00 ${code}`,
  disconnect: (code) => `e002 ${code} 00`,
  auth: (code) => `f002 ${code} 00`,
};

test.each(Object.entries(codes))("%s carries its own reason codes only", (type, list) => {
  const allowed = new Set(list.split(" "));
  const success = decodeOne(5, fromHex(bytesWith[type]?.("00") ?? ""));
  for (let code = 0; code < 256; code++) {
    const hex = toHex(Uint8Array.of(code));
    const bytes = fromHex(bytesWith[type]?.(hex) ?? "");
    const packet = { ...success, reasonCode: code, reasonCodes: [code] } as unknown as Packet;
    if (allowed.has(hex)) {
      expect(toHex(encode(decodeOne(5, bytes), 5)), hex).toBe(toHex(bytes));
      expect(toHex(encode(packet, 5))).toBe(toHex(bytes));
    } else {
      expect(faultOf(5, [bytes]).reasonCode, hex).toBe(0x82);
      expect(() => encode(packet, 5), hex).toThrow("must not carry reasonCode 0x");
    }
  }
});

test.each([3, 4] as const)("on version %i, CONNACK and SUBACK carry that version's return codes", (version) => {
  for (let code = 0; code < 256; code++) {
    const connack = Uint8Array.of(0x20, 2, 0, code);
    const suback = Uint8Array.of(0x90, 3, 0, 1, code);
    if (code <= 5) expect(decodeOne(version, connack)).toMatchObject({ reasonCode: code });
    else expect(faultOf(version, [connack]).reasonCode).toBe(0x82);
    if (code <= 2 || code === 0x80) expect(decodeOne(version, suback)).toMatchObject({ reasonCodes: [code] });
    else expect(faultOf(version, [suback]).reasonCode).toBe(0x82);
  }
});

test("a code is shown with its name, if it has one", () => {
  expect(describeReasonCode(0x8e)).toBe("0x8E (Session taken over)");
  expect(describeReasonCode(0)).toBe("0x00 (Success)");
  expect(describeReasonCode(0x7f)).toBe("0x7F");
  expect(describeReturnCode(5)).toBe("5 (Not authorized)");
  expect(describeReturnCode(6)).toBe("6");
});

test("each code has its name from the specification, in words and as a constant", () => {
  const every = new Set(Object.values(codes).flatMap((list) => list.split(" ")));
  const constants = new Map(Object.entries(ReasonCode).map(([name, code]) => [code, name]));
  expect(constants.size).toBe(Object.keys(ReasonCode).length);
  expect(new Set([...constants.keys()].map((code) => toHex(Uint8Array.of(code))))).toEqual(every);
  for (const [code, constant] of constants) {
    const [, name = ""] = /\((.*)\)/.exec(describeReasonCode(code)) ?? [];
    expect(constant).toBe(name.toUpperCase().replace(/[^A-Z0-9]+/g, "_"));
  }
});
