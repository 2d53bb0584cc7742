// The servers that the small client connects to, seen from the calls of its `dial`.
import { createClient } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { SmallBench } from "./bench.ts";

/** The server that a client with this URL dials, and its name in errors. */
async function dialled(url: string) {
  const { platform } = new SmallBench();
  let address: unknown;
  const client = createClient(url, {
    platform,
    dial: (asked) => {
      address = asked;
      return Promise.reject(new Error("no"));
    },
  });
  const error = await client.connect().catch((error: Error) => error.message);
  return { address, error };
}

describe("with a platform or a dial, the small client accepts", () => {
  test.each([
    ["tcp://host", { scheme: "mqtt", host: "host", port: 1883, path: "" }, "mqtt://host:1883"],
    ["ssl://host", { scheme: "mqtts", host: "host", port: 8883, path: "" }, "mqtts://host:8883"],
    ["tls://host", { scheme: "mqtts", host: "host", port: 8883, path: "" }, "mqtts://host:8883"],
    ["mqtt://[::1]:1884", { scheme: "mqtt", host: "::1", port: 1884, path: "" }, "mqtt://[::1]:1884"],
    ["unix:/run/broker.sock", { scheme: "unix", host: "/run/broker.sock", port: 0, path: "" }, "unix:/run/broker.sock"],
    ["unix:///run/a%20b", { scheme: "unix", host: "/run/a b", port: 0, path: "" }, "unix:/run/a%20b"],
    ["ws://host/a?b", { scheme: "ws", host: "host", port: 80, path: "/a?b" }, "ws://host:80/a"],
  ])("%s", async (url, address, name) => {
    const told = await dialled(url);
    expect(told.address).toEqual(address);
    expect(told.error).toContain(`${name}:`);
  });
});

test.each([
  "unix:",
  "unix:/",
  "unix://host/path",
  "tcp:",
  "tcp://",
  "tcp://host:0",
  "http://host",
  "https://host:8080",
  "host",
])("%s is not a valid URL for it", (url) => {
  const { platform } = new SmallBench();
  expect(() => createClient(url, { platform })).toThrow(expect.objectContaining({ code: "URL_INVALID" }));
});
