// The table of the kernel's UDP sockets.
import { endianness } from "node:os";
import { expect, test } from "vitest";
import { dropsIn } from "../../src/source/kernel-drops.ts";

const HEAD =
  "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n";
const line = (local: string, drops: number): string =>
  ` 1234: ${local} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 24137 2 00000000ec1b3c4e ${drops}          \n`;

test.runIf(endianness() === "LE").each([
  ["127.0.0.1", 2000, line("0100007F:07D0", 3), 3],
  ["127.0.0.1", 2000, line("0100007F:07D1", 3), undefined],
  ["127.0.0.1", 2000, line("0200007F:07D0", 3), undefined],
  ["0.0.0.0", 9, line("00000000:0009", 1) + line("00000000:0009", 2), 3],
  ["::", 9, line("00000000000000000000000000000000:0009", 4), 4],
  ["::1", 9, line("00000000000000000000000001000000:0009", 5), 5],
  ["fe80::1:2%eth0", 9, line("000080FE000000000000000002000100:0009", 6), 6],
  ["2001:db8:1:2:3:4:5:6", 9, line("B80D0120020001000400030006000500:0009", 7), 7],
])("the socket at %s, port %i is found", (address, port, lines, drops) => {
  expect(dropsIn(HEAD + lines, { address, port })).toBe(drops);
});
