import { nearest } from "@aiko/mqtt/options";
import { expect, test } from "vitest";

const words = ["qos", "retain", "topic", "topic_s", "password", "passphrase-file", "psk", "psk-identity"];

test.each([
  ["qs", "qos"],
  ["qso", "qos"],
  ["qoss", "qos"],
  ["retian", "retain"],
  ["pasword", "password"],
  ["passwrod", "password"],
  ["pass", "password"],
  ["no-retain", "retain"],
  ["topic-s", "topic_s"],
  ["PSK_Identity", "psk-identity"],
  ["passp", "passphrase-file"],
  ["topics", "topic"],
  ["q", undefined],
  ["x", undefined],
  ["", undefined],
  ["quiet", undefined],
  ["constructor", undefined],
  ["retain".repeat(50_000), undefined],
])("%s is corrected to %s", (written, meant) => {
  expect(nearest(written, words)).toBe(meant);
});
