import { expect, test } from "vitest";
import { ignoresHangup, isHangupIgnored, type Origin } from "../src/hangup.ts";

const status = (mask: string) =>
  `Name:\tnode\nSigBlk:\t0000000000000001\nSigIgn:\t${mask}\nSigCgt:\t0000000000000001\n`;
const input = (flags: string) => `pos:\t0\nflags:\t${flags}\nmnt_id:\t24\n`;

const usual: Origin = {
  ownStatus: status("0000000000001000"),
  parentStatus: status("0000000000384004"),
  standardInput: input("0100000"),
  launcher: "/usr/bin/mqtt_subscribe",
  hasTerminal: false,
};

test.each<[string, Partial<Origin>, boolean]>([
  ["the usual", {}, false],
  ["the normal case on a terminal", { hasTerminal: true, standardInput: input("0100002") }, false],
  ["this process ignores SIGHUP", { ownStatus: status("0000000001001001") }, true],
  ["the parent process ignores SIGHUP", { parentStatus: status("0000000000000007") }, true],
  [
    "the parent ignores SIGHUP, and there is a terminal",
    { parentStatus: status("0000000000000007"), hasTerminal: true },
    true,
  ],
  ["the shell started nohup", { launcher: "/usr/bin/nohup" }, true],
  ["nohup, called without a path", { launcher: "nohup" }, true],
  ["a program with a similar name", { launcher: "/home/me/notnohup" }, false],
  ["the name was inherited: nohup does not keep a terminal", { launcher: "/usr/bin/nohup", hasTerminal: true }, false],
  ["standard input is write-only", { standardInput: input("0100001") }, true],
  [
    "a system without this information",
    { ownStatus: undefined, parentStatus: undefined, standardInput: undefined },
    false,
  ],
])("%s", (_, difference, ignored) => {
  expect(isHangupIgnored({ ...usual, ...difference })).toBe(ignored);
});

test("the lowest bit of the mask is read", () => {
  for (const mask of ["0000000000000001", "000000000000000f", "b"]) expect(ignoresHangup(status(mask))).toBe(true);
  for (const mask of ["0000000000000002", "1000000000000000", "e", "0"])
    expect(ignoresHangup(status(mask))).toBe(false);
});
