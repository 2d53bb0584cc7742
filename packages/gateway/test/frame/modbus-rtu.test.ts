import { describe, expect, test } from "vitest";
import { encodeModbusRtu } from "../../src/frame/modbus-rtu.ts";
import { open } from "./every-kind.ts";

const bytesOfHex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

function openHex() {
  const { frames, framer } = open({ kind: "modbus-rtu" }, { maxFrame: 256 });
  return {
    framer,
    push: (text: string, now = 0) => framer.push(bytesOfHex(text), now),
    found: () =>
      frames.texts.map((text) => (text.startsWith("(") ? text : Buffer.from(text, "latin1").toString("hex"))),
  };
}

// The CRCs are those of another implementation.
test.each([
  ["a request for registers", "01 04 00 00 00 04 f1 c9"],
  ["a response with registers", "01 03 04 00 0a 01 02 5a 60"],
  ["a request to write registers, which has data", "11 10 00 01 00 02 04 00 0a 01 02 c6 f0"],
  ["a response to it, which has none", "11 10 00 01 00 02 12 98"],
  ["an exception", "0a 81 02 b0 53"],
  ["a broadcast", "00 06 00 01 00 03 99 da"],
])("%s is a frame without its CRC", (_, frame) => {
  const { push, found } = openHex();
  push(frame);
  expect(found()).toEqual([frame.replaceAll(" ", "").slice(0, -4)]);
});

test.each([
  [1, "0000 0008", "02 aaaa"],
  [2, "0000 0008", "01 aa"],
  [3, "0000 0001", "02 0001"],
  [4, "0000 0001", "04 0001 0002"],
  [5, "0001 ff00", "0001 ff00"],
  [6, "0001 0003", "0001 0003"],
  [7, "", "6d"],
  [8, "0000 a537", "0000 a537"],
  [11, "", "ffff 0108"],
  [12, "", "08 0000 0108 0121 2000"],
  [15, "0013 000a 02 cd01", "0013 000a"],
  [16, "0001 0002 04 000a 0102", "0001 0002"],
  [17, "", "03 2aff01"],
  [20, "07 06 0004 0001 0002", "06 05 06 0dfe 0020"],
  [21, "09 06 0004 0007 0001 06af", "09 06 0004 0007 0001 06af"],
  [22, "0004 00f2 0025", "0004 00f2 0025"],
  [23, "0003 0006 000e 0001 02 00ff", "02 00fe"],
  [24, "04de", "0006 0002 01b8 1284"],
])("requests and responses of function %i follow each other without silence", (code, request, response) => {
  const { framer, push, found } = openHex();
  const frames = [request, response, request].map((data) =>
    Buffer.from([17, code, ...bytesOfHex(data)]).toString("hex"),
  );
  for (const frame of frames) push(Buffer.from(encodeModbusRtu(bytesOfHex(frame))).toString("hex"));
  framer.advance(5000);
  expect(found()).toEqual(frames);
});

describe("a CRC that ends with 0 fits without its last byte too, so", () => {
  const response = "b9 04 04 98 55 98 55 57 00";

  test("a response with two registers is not taken for a request, however its bytes arrive", () => {
    const { push, found } = openHex();
    for (const byte of response.split(" ")) push(byte);
    expect(found()).toEqual(["b9040498559855"]);
  });

  test("a request that could be such a response waits for a byte, or for the timeout", () => {
    const { framer, push, found } = openHex();
    const request = Buffer.from(encodeModbusRtu(bytesOfHex("01 03 04 00 00 02"))).toString("hex");
    push(request);
    expect(found()).toEqual([]);
    framer.advance(1000);
    expect(found()).toEqual(["010304000002"]);
    push(request + request, 2000);
    expect(found()).toEqual(["010304000002", "010304000002"]);
    framer.end();
    expect(found()).toEqual(["010304000002", "010304000002", "010304000002"]);
  });
});

describe("garbage", () => {
  const good = "01 04 00 00 00 04 f1 c9";

  test("that has the form of a frame is dropped as checksum at once", () => {
    const { push, found } = openHex();
    push("01 06 ff f0 ff f0 ff ff");
    expect(found()).toEqual(["(checksum)"]);
  });

  test("does not hide the frame behind it", () => {
    const { push, found } = openHex();
    push(`ff 55 01 06 00 01 00 03 ff ff ${good} f8 f9 ${good}`);
    expect(found()).toEqual(["(checksum)", "010400000004", "010400000004"]);
  });

  test("that looks like the beginning of a long frame hides the frame behind it until the timeout at most", () => {
    const { framer, push, found } = openHex();
    push(`01 10 00 00 00 40 80 ${good}`);
    expect(found()).toEqual([]);
    framer.advance(1000);
    expect(found()).toEqual(["(incomplete)", "010400000004"]);
    expect(framer.deadline()).toBe(Infinity);
  });
});

test("functions that nobody has defined begin no frame", () => {
  const { framer, push, found } = openHex();
  push("01 41 ff ff ff ff ff ff 01 c1 ff ff ff 01 83 20 ff ff");
  framer.advance(5000);
  expect(found()).toEqual([]);
});
