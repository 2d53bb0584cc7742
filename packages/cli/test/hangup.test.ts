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
  ["the usual on a terminal", { hasTerminal: true, standardInput: input("0100002") }, false],
  ["of this process SIGHUP is ignored", { ownStatus: status("0000000001001001") }, true],
  ["the process that started it ignores SIGHUP", { parentStatus: status("0000000000000007") }, true],
  ["and it has a terminal", { parentStatus: status("0000000000000007"), hasTerminal: true }, true],
  ["the shell started nohup", { launcher: "/usr/bin/nohup" }, true],
  ["by its name alone", { launcher: "nohup" }, true],
  ["something called alike", { launcher: "/home/me/notnohup" }, false],
  ["the name was inherited: nohup leaves no terminal", { launcher: "/usr/bin/nohup", hasTerminal: true }, false],
  ["standard input can only be written", { standardInput: input("0100001") }, true],
  ["a system that says nothing", { ownStatus: undefined, parentStatus: undefined, standardInput: undefined }, false],
])("%s", (_, difference, ignored) => {
  expect(isHangupIgnored({ ...usual, ...difference })).toBe(ignored);
});

test("the mask is read by its lowest bit", () => {
  for (const mask of ["0000000000000001", "000000000000000f", "b"]) expect(ignoresHangup(status(mask))).toBe(true);
  for (const mask of ["0000000000000002", "1000000000000000", "e", "0"])
    expect(ignoresHangup(status(mask))).toBe(false);
});
