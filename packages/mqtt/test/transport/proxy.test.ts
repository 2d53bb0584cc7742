import { expect, test } from "vitest";
import type { ServerAddress } from "../../src/platform/transport.ts";
import { parseProxy, proxyOfEnvironment } from "../../src/transport/proxy.ts";

const at = (scheme: ServerAddress["scheme"], host: string, port = 1883): ServerAddress => ({
  scheme,
  host,
  port,
  path: "",
});

test.each([
  ["http://proxy:3128", { kind: "http", host: "proxy", port: 3128, name: "http://proxy:3128" }],
  ["proxy:3128", { kind: "http", host: "proxy", port: 3128 }],
  ["http://proxy", { kind: "http", port: 80 }],
  ["socks5://[::1]", { kind: "socks5", host: "::1", port: 1080 }],
  ["socks5h://ann:s%40crt@proxy", { kind: "socks5", username: "ann", password: "s@crt", name: "socks5://proxy:1080" }],
])("%s is a valid proxy", (text, expected) => {
  expect(parseProxy(text)).toMatchObject(expected);
});

const both = { HTTPS_PROXY: "http://secure:1", ALL_PROXY: "socks5://all:2" };

test.each([
  ["mqtts uses HTTPS_PROXY", at("mqtts", "b.example"), both, "secure"],
  ["wss uses HTTPS_PROXY", at("wss", "b.example"), both, "secure"],
  ["mqtt uses ALL_PROXY", at("mqtt", "b.example"), both, "all"],
  ["ws uses ALL_PROXY", at("ws", "b.example"), both, "all"],
  ["mqtts uses ALL_PROXY if there is no other", at("mqtts", "b.example"), { all_proxy: "http://all:1" }, "all"],
  [
    "lower-case names take precedence",
    at("mqtt", "b.example"),
    { all_proxy: "http://small", ALL_PROXY: "http://large" },
    "small",
  ],
  ["an empty variable is ignored", at("mqtt", "b.example"), { all_proxy: "", ALL_PROXY: "http://large" }, "large"],
  ["localhost is reached without a proxy", at("mqtt", "localhost"), both, undefined],
  ["loopback addresses too", at("mqtt", "127.0.0.5"), both, undefined],
  ["the IPv6 loopback address too", at("mqtts", "::1"), both, undefined],
  ["a Unix socket too", at("unix", "/run/broker.sock"), both, undefined],
  ["NO_PROXY names the host", at("mqtt", "b.example"), { ...both, NO_PROXY: "a.example, b.example" }, undefined],
  ["NO_PROXY names its domain", at("mqtt", "b.example"), { ...both, NO_PROXY: ".example" }, undefined],
  ["NO_PROXY names its domain with a star", at("mqtt", "b.x.example"), { ...both, NO_PROXY: "*.example" }, undefined],
  ["NO_PROXY names the port", at("mqtt", "b.example", 1884), { ...both, NO_PROXY: "b.example:1884" }, undefined],
  ["NO_PROXY names another port", at("mqtt", "b.example"), { ...both, NO_PROXY: "b.example:1884" }, "all"],
  ["NO_PROXY names a host with the same ending", at("mqtt", "bb.example"), { ...both, NO_PROXY: "b.example" }, "all"],
  ["NO_PROXY names an address", at("mqtt", "10.0.0.1"), { ...both, NO_PROXY: "10.0.0.1" }, undefined],
  ["NO_PROXY names an IPv6 address", at("mqtt", "fd00::1"), { ...both, NO_PROXY: "fd00::1" }, undefined],
  ["NO_PROXY is a star", at("mqtt", "b.example"), { ...both, NO_PROXY: "*" }, undefined],
  ["nothing is set", at("mqtts", "b.example"), {}, undefined],
])("the environment's proxy: %s", (_, address, environment, host) => {
  expect(proxyOfEnvironment(address, environment)?.host).toBe(host);
});

test.each(["http://127.0.0.1\0.evil.example", "http://127.0.0.1%00.evil.example", "socks5://127.0.0.1\0.evil.example"])(
  "a proxy host with a NUL, where an operating system ends the name, is rejected: %j",
  (url) => {
    expect(() => parseProxy(url)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  },
);

test("a wrong % escape in a proxy's password is reported without the password", () => {
  expect(() => parseProxy("http://ann:secret%zz@proxy")).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.not.stringContaining("secret") }),
  );
});
