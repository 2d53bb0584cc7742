import { expect, test } from "vitest";
import { nearest } from "../src/nearest.ts";

const words = ["qos", "retain", "topic", "topic_s", "password", "passphrase-file", "psk", "psk-identity"];

test.each([
  ["qs", "qos"],
  ["qso", "qos"],
  ["qoss", "qos"],
  ["retian", "retain"],
  ["pasword", "password"],
  ["passwrod", "password"],
  ["pass", undefined],
  ["passp", "passphrase-file"],
  ["topics", "topic"],
  ["q", undefined],
  ["x", undefined],
  ["", undefined],
  ["quiet", undefined],
  ["constructor", undefined],
  ["retain".repeat(50_000), undefined],
])("%s may stand for %s", (written, meant) => {
  expect(nearest(written, words)).toBe(meant);
});
