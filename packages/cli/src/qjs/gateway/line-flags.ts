/**
 * The flags with which a serial line is opened. `os` does not have them, and their numbers differ: Linux on MIPS, the processor of many routers,
 * has its own.
 */

import * as os from "qjs:os";

/** The flags O_NOCTTY and O_NONBLOCK together. */
const USUAL = 0o400 | 0o4000;
const ON_MIPS = 0x800 | 0x80;

/** The header of an ELF file: where it has the order of bytes and the processor. */
const HEADER = 20;
const ORDER_AT = 5;
const PROCESSOR_AT = 18;
const LITTLE_ENDIAN = 1;
const MIPS = 8;

/** The line does not become the terminal that controls this process, and opening it does not wait for a carrier. */
export function lineFlags(): number {
  return os.O_RDWR | (isMips() ? ON_MIPS : USUAL);
}

function isMips(): boolean {
  const fd = os.open("/proc/self/exe", os.O_RDONLY);
  if (fd < 0) return false;
  const header = new ArrayBuffer(HEADER);
  os.read(fd, header, 0, HEADER);
  os.close(fd);
  const view = new DataView(header);
  return view.getUint16(PROCESSOR_AT, view.getUint8(ORDER_AT) === LITTLE_ENDIAN) === MIPS;
}
