import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { parseBrokerOptions } from "../src/options/broker-options.ts";

const tls = { certificate: "a", key: "b" };
const placesOf = (options: BrokerOptions) => parseBrokerOptions(options).places;

describe("a listener's URL", () => {
  test.each<[string, object]>([
    ["mqtt://127.0.0.1:0", { scheme: "mqtt", host: "127.0.0.1", port: 0 }],
    ["mqtt://0.0.0.0", { scheme: "mqtt", host: "0.0.0.0", port: 1883 }],
    ["mqtt://[::1]:65535", { scheme: "mqtt", host: "::1", port: 65_535 }],
    ["mqtt://[fe80::1%br-lan]", { scheme: "mqtt", host: "fe80::1%br-lan", port: 1883 }],
    ["ws://localhost/", { scheme: "ws", host: "localhost", port: 80 }],
    ["ws://my_host.example:8080", { scheme: "ws", host: "my_host.example", port: 8080 }],
  ])("%s", (url, place) => {
    expect(placesOf({ listeners: [{ url }] })).toEqual([{ ...place, tls: undefined }]);
  });

  test.each<[string, object]>([
    ["mqtts://127.0.0.1", { scheme: "mqtt", port: 8883 }],
    ["wss://127.0.0.1", { scheme: "ws", port: 443 }],
  ])("%s, with a certificate", (url, place) => {
    expect(placesOf({ listeners: [{ url, tls }] })).toEqual([{ ...place, host: "127.0.0.1", tls }]);
  });

  test.each([
    ["unix:/run/b.sock", undefined, { path: "/run/b.sock", mode: 0o600 }],
    ["unix:b.sock", 0o660, { path: "b.sock", mode: 0o660 }],
  ])("%s, with the mode %o", (url, mode, place) => {
    expect(placesOf({ listeners: [{ url, mode, tls: undefined }] })).toEqual([place]);
  });
});

test("the short form is one TCP listener on the loopback interface", () => {
  expect(placesOf({})).toEqual([{ scheme: "mqtt", host: "127.0.0.1", port: 1883, tls: undefined }]);
  expect(placesOf({ host: "::", port: 5, tls })).toEqual([{ scheme: "mqtt", host: "::", port: 5, tls }]);
});

test("a broker with several listeners lists their URLs in order; one without listeners has an empty list", async () => {
  const urls = ["ws://127.0.0.1:0", "mqtt://127.0.0.1:0", "mqtt://127.0.0.1:0"];
  await using broker = await Broker.listen({ listeners: urls.map((url) => ({ url })) });
  expect(broker.urls.map((url) => url.replace(/\d+$/, "0"))).toEqual(urls);
  expect(new Set(broker.urls).size).toBe(3);
  expect([broker.url, `${broker.port}`]).toEqual([broker.urls[0], new URL(broker.url).port]);
  await using silent = await Broker.listen({ listeners: [] });
  expect([silent.url, silent.port, silent.urls]).toEqual(["", 0, []]);
});

test.each<[string, unknown, string, string]>([
  ["no list", {}, "OPTION_INVALID", "listeners: must be a list"],
  ["a list of URLs", ["mqtt://127.0.0.1"], "OPTION_INVALID", "listeners[0]: must be an object, as in"],
  ["no URL", [{}], "OPTION_INVALID", "listeners[0].url: must be mqtt://host:port"],
  ["another name", [{ url: "mqtt://h", port: 1 }], "OPTION_UNKNOWN", 'option "listeners[0].port"'],
  ["another scheme", [{ url: "http://h" }], "OPTION_INVALID", "listeners[0].url: must be"],
  ["no host", [{ url: "mqtt://:1883" }], "OPTION_INVALID", "listeners[0].url: must be"],
  ["a port too high", [{ url: "mqtt://h:65536" }], "OPTION_INVALID", "listeners[0].url: must be"],
  ["a path", [{ url: "ws://h:1/mqtt" }], "OPTION_INVALID", "without user, path or query"],
  ["a password", [{ url: "mqtt://me:secret@h" }], "OPTION_INVALID", "without user, path or query"],
  ["a missing socket path", [{ url: "unix:" }], "OPTION_INVALID", "listeners[0].url: must be"],
  ["no certificate", [{ url: "ws://h" }, { url: "wss://h" }], "OPTION_INVALID", "listeners[1].tls: wss: requires"],
  [
    "only one of certificate and key",
    [{ url: "wss://h", tls: { key: "" } }],
    "OPTION_INVALID",
    "listeners[0].tls.certificate: must",
  ],
  [
    "a certificate without TLS",
    [{ url: "mqtt://h", tls }],
    "OPTION_INVALID",
    "listeners[0].tls: mqtt: does not use TLS; write mqtts:",
  ],
  [
    "a certificate for a Unix socket",
    [{ url: "unix:/s", tls }],
    "OPTION_INVALID",
    "listeners[0].tls: a Unix socket does not use TLS; remove tls",
  ],
  [
    "a mode for a port",
    [{ url: "mqtt://h", mode: 0o600 }],
    "OPTION_INVALID",
    "listeners[0].mode: is only allowed for Unix sockets",
  ],
  ["a wrong mode", [{ url: "unix:/s", mode: 0o1777 }], "OPTION_INVALID", "listeners[0].mode 1023: must be an integer"],
])("%s is refused", (_, listeners, code, message) => {
  const refusal = expect.objectContaining({ name: "UsageError", code, message: expect.stringContaining(message) });
  expect(() => placesOf({ listeners: listeners as never })).toThrow(refusal);
  expect(() => placesOf({ listeners: listeners as never })).not.toThrow("secret");
});

test.each([{ port: 0 }, { host: "127.0.0.1" }, { tls }])("listeners cannot be combined with %j", (options) => {
  expect(() => placesOf({ listeners: [{ url: "mqtt://127.0.0.1:0" }], ...options })).toThrow(
    expect.objectContaining({
      code: "OPTION_INVALID",
      message: `listeners: cannot be combined with ${Object.keys(options)}; set it in each listener`,
    }),
  );
});

test("faults that are not a Faults are refused", () => {
  expect(() => placesOf({ faults: {} as never })).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", option: "faults" }),
  );
});
