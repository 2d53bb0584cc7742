/**
 * Modbus requests and answers (Modbus Application Protocol 1.1b3, §6 and §7): unit and PDU, without the CRC of serial lines. Knows no fields.
 */

import { Failure } from "../failure.js";

export const READ_FUNCTIONS = [1, 2, 3, 4] as const;
export const WRITE_FUNCTIONS = [5, 6, 15, 16] as const;
export type ReadFunction = (typeof READ_FUNCTIONS)[number];
export type WriteFunction = (typeof WRITE_FUNCTIONS)[number];

/** Set in the function code of an answer that is an exception. */
const EXCEPTION = 0x80;

const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: "illegal function",
  2: "illegal data address",
  3: "illegal data value",
  4: "server device failure",
  5: "acknowledge",
  6: "server device busy",
  8: "memory parity error",
  10: "gateway path unavailable",
  11: "gateway target device failed to respond",
};

/** Where values are: a unit, a function, and the address of the first register or coil. */
export interface ModbusPlace<Function extends ReadFunction | WriteFunction = ReadFunction | WriteFunction> {
  readonly unit: number;
  readonly function: Function;
  readonly address: number;
}

/** Returns the request that reads `count` registers or coils. */
export function readRequest({ unit, function: code, address }: ModbusPlace<ReadFunction>, count: number): Uint8Array {
  return Uint8Array.of(unit, code, address >> 8, address & 0xff, count >> 8, count & 0xff);
}

/**
 * Returns the request that writes `data`: the bytes of registers, or coils as bits, the first in the least significant.
 *
 * @param count registers or coils
 */
export function writeRequest(
  { unit, function: code, address }: ModbusPlace<WriteFunction>,
  data: Uint8Array,
  count: number,
): Uint8Array {
  const head = [unit, code, address >> 8, address & 0xff];
  switch (code) {
    case 5:
      return Uint8Array.of(...head, data[0] === 1 ? 0xff : 0, 0);
    case 6:
      return Uint8Array.of(...head, ...data);
    case 15:
    case 16:
      return Uint8Array.of(...head, count >> 8, count & 0xff, data.length, ...data);
  }
}

/** Returns why `answer` does not confirm `request`; undefined if it does. The data of a read are for `modbusData`. */
export function answerProblem(request: Uint8Array, answer: Uint8Array): Failure | undefined {
  const [unit = 0, code = 0] = request;
  const problem = headProblem(answer, unit, code, "decode");
  if (problem !== undefined || code <= 4) return problem;
  const isRepeated = answer.length === 6 && answer.every((byte, i) => byte === request[i]);
  return isRepeated ? undefined : new Failure("decode", "modbus: the answer does not repeat what was written");
}

/** Returns the values in a frame that was sent to or by the place, as bytes; or why there are none. "filtered": the frame concerns something else. */
export function modbusData(frame: Uint8Array, place: ModbusPlace): Uint8Array | Failure {
  const problem = headProblem(frame, place.unit, place.function, "filtered");
  if (problem !== undefined) return problem;
  return place.function <= 4 ? readData(frame) : writtenData(frame, place);
}

/** Returns what is wrong with the unit and the function of a frame: an exception too. @param foreign the reason if it concerns something else */
function headProblem(
  frame: Uint8Array,
  unit: number,
  code: number,
  foreign: "decode" | "filtered",
): Failure | undefined {
  const [foundUnit, found = 0, exception = 0] = frame;
  if (frame.length < 3) {
    return new Failure("decode", `modbus: the frame has ${frame.length} bytes; it must have at least 3`);
  }
  if (foundUnit !== unit || (found & ~EXCEPTION) !== code) {
    const wanted = `unit ${unit}, function ${code}`;
    return new Failure(foreign, `modbus: the frame is of unit ${foundUnit}, function ${found}, not ${wanted}`);
  }
  if ((found & EXCEPTION) === 0) return undefined;
  if (frame.length !== 3) {
    return new Failure("decode", `modbus: an exception has 3 bytes; the frame has ${frame.length}`);
  }
  const name = EXCEPTIONS[exception] ?? "unknown";
  return new Failure("decode", `modbus: exception ${exception} (${name}) to function ${code}`);
}

function readData(frame: Uint8Array): Uint8Array | Failure {
  const count = frame[2] as number;
  if (frame.length === count + 3) return frame.subarray(3);
  if (frame.length === 6) return new Failure("filtered", "modbus: the frame is a request");
  return wrongLength(frame, count + 3);
}

function writtenData(frame: Uint8Array, place: ModbusPlace): Uint8Array | Failure {
  const isSeveral = place.function > 6;
  if (frame.length < 6) return wrongLength(frame, 6);
  const address = (frame[2] as number) * 256 + (frame[3] as number);
  if (address !== place.address) {
    return new Failure("filtered", `modbus: the frame writes at address ${address}, not ${place.address}`);
  }
  if (isSeveral) {
    if (frame.length === 6) return new Failure("filtered", "modbus: the frame confirms what was written");
    const count = (frame[6] as number) + 7;
    return frame.length === count ? frame.subarray(7) : wrongLength(frame, count);
  }
  if (frame.length !== 6) return wrongLength(frame, 6);
  if (place.function === 6) return frame.subarray(4);
  const [high, low] = frame.subarray(4);
  if ((high === 0 || high === 0xff) && low === 0) return Uint8Array.of(high & 1);
  return new Failure("decode", "modbus: the value of a coil must be 0xff00 or 0x0000");
}

function wrongLength(frame: Uint8Array, expected: number): Failure {
  return new Failure("decode", `modbus: the frame has ${frame.length} bytes; by its content, it must have ${expected}`);
}
