import { createClient } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { parseServerUrl } from "../../src/client/connecting/server-url.ts";

describe("a valid URL", () => {
  const at = (scheme: string, host: string, port: number, path = "") => ({ scheme, host, port, path });
  test.each([
    ["mqtt://localhost", at("mqtt", "localhost", 1883), "mqtt://localhost:1883"],
    ["mqtt://localhost/", at("mqtt", "localhost", 1883), "mqtt://localhost:1883"],
    ["tcp://localhost:1", at("mqtt", "localhost", 1), "mqtt://localhost:1"],
    ["MQTT://localhost:65535", at("mqtt", "localhost", 65_535), "mqtt://localhost:65535"],
    ["mqtts://broker.example", at("mqtts", "broker.example", 8883), "mqtts://broker.example:8883"],
    ["ssl://h", at("mqtts", "h", 8883), "mqtts://h:8883"],
    ["tls://h:99", at("mqtts", "h", 99), "mqtts://h:99"],
    ["ws://h", at("ws", "h", 80, "/"), "ws://h:80/"],
    ["wss://h/mqtt?a=b", at("wss", "h", 443, "/mqtt?a=b"), "wss://h:443/mqtt?…"],
    ["ws://h:8080?token", at("ws", "h", 8080, "?token"), "ws://h:8080?…"],
    ["mqtt://[::1]", at("mqtt", "::1", 1883), "mqtt://[::1]:1883"],
    ["mqtt://[fe80::1]:1884", at("mqtt", "fe80::1", 1884), "mqtt://[fe80::1]:1884"],
    ["unix:/run/broker.sock", at("unix", "/run/broker.sock", 0), "unix:/run/broker.sock"],
    ["unix:///run/broker.sock", at("unix", "/run/broker.sock", 0), "unix:/run/broker.sock"],
  ])("%s", (url, address, name) => {
    expect(parseServerUrl(url)).toEqual({ address, name, username: undefined, password: undefined });
  });

  test.each([
    ["mqtt://ann@h", "ann", undefined],
    ["mqtt://ann:@h", "ann", ""],
    ["mqtt://ann:secret@h", "ann", "secret"],
    ["mqtt://a%40b:s%3Ac%25@h", "a@b", "s:c%"],
    ["mqtt://ann:p@ss@h", "ann", "p@ss"],
    ["mqtt://ann:a:b@[::1]:5", "ann", "a:b"],
    ["mqtt://%C3%A4:%F0%9F%98%80@h", "ä", "😀"],
  ])("with credentials, which the server name omits: %s", (url, username, password) => {
    const parsed = parseServerUrl(url);
    expect(parsed).toMatchObject({ username, password });
    expect(parsed.name).not.toMatch(/ann|secret|@/);
  });
});

describe("an invalid URL is a UsageError with the URL and the rule", () => {
  test.each([
    ["", "must begin with mqtt:"],
    ["localhost", "must begin with mqtt:"],
    ["localhost:1883", "must begin with mqtt:"],
    ["http://localhost", "must begin with mqtt:"],
    ["constructor://localhost", "must begin with mqtt:"],
    ["mqtt:localhost", "must have // after mqtt:"],
    ["mqtt:/localhost", "must have // after mqtt:"],
    ["mqtt://", "must include a host, as in mqtt://localhost:1883"],
    ["mqtt://:1883", "must include a host, as in mqtt://localhost:1883"],
    ["mqtt://[]:1883", "must include a host, as in mqtt://localhost:1883"],
    ["mqtt://localhost:99999", "port 99999 must be an integer from 1 to 65,535"],
    ["mqtt://localhost:0", "port 0 must be an integer"],
    ["mqtt://localhost:65536", "port 65536"],
    ["mqtt://::1", "an IPv6 address must be in brackets"],
    ["mqtt://[::1", 'an IPv6 address must end with "]"'],
    ["mqtt://[::1]x", 'after "]" only a port may follow'],
    ["mqtt://localhost/path", "mqtt: does not allow a path"],
    ["unix:", "must name the socket's path"],
    ["unix://", "must name the socket's path"],
  ])("%s", (url, rule) => {
    expect(() => createClient(url)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "URL_INVALID", message: expect.stringContaining(rule) }),
    );
    expect(() => createClient(url)).toThrow(`url "${url}"`);
  });

  test.each(["-1", "1e3", "0x50", " 80", "secret"])(
    "a port %j, which is not shown because it may be a password",
    (port) => {
      expect(() => createClient(`mqtt://ann:${port}`)).toThrow(/^url "mqtt:\/\/ann:\*\*\*": the port is not a number/);
    },
  );

  test.each([
    ["a NUL, where an operating system ends the name", "127.0.0.1\0.evil.example"],
    ["a line break", "a\r\nb"],
    ["an escape character", "a\x1b[2Jb"],
    ["DEL", "a\x7f"],
    ["a space", "a b"],
    ["a backslash", "a\\b"],
    ["a per cent sign", "a%00b"],
    ["an angle bracket", "<a>"],
    ["a C1 control character", "a\x9bb"],
    ["a character of zero width", "a\u200bb"],
    ["full-width digits, which stand for ASCII digits", "\uff11\uff12\uff17.0.0.1"],
    ["a full stop that stands for the ASCII full stop", "127\u30020\u30020\u30021"],
    ["half a surrogate pair", "a\ud800b"],
  ])("a host name with %s", (_, host) => {
    for (const scheme of ["mqtt", "mqtts", "ws", "wss"]) {
      const rule = 'a host must be at most 253 letters, digits, "-", "_" and "."';
      expect(() => createClient(`${scheme}://${host}:1883`)).toThrow(
        expect.objectContaining({ code: "URL_INVALID", message: expect.stringContaining(rule) }),
      );
    }
  });

  test("a host name of more than 253 characters, in linear time", () => {
    expect(parseServerUrl(`mqtt://${"a".repeat(253)}`).address.host).toHaveLength(253);
    expect(() => parseServerUrl(`mqtt://${"a".repeat(254)}`)).toThrow("a host must be at most 253");
    expect(() => parseServerUrl(`mqtt://${"a".repeat(10_000_000)}`)).toThrow("a host must be at most 253");
  });

  test.each([
    "[::1\0]",

    "[::1%a\nb]",
    `[${":".repeat(300)}]`,
    `[::1%${"a".repeat(300)}]`,
  ])("brackets that contain too many characters or characters that no address has: %j", (host) => {
    expect(() => parseServerUrl(`mqtt://${host}`)).toThrow("a host must be at most 253");
  });

  test("a Unix socket path with a NUL", () => {
    expect(() => parseServerUrl("unix:/run/broker.sock\0.evil")).toThrow("must not contain control characters");
    expect(parseServerUrl("unix:\0broker").address.host).toBe("\0broker");
  });

  test.each(["a_b-c.example.", "bücher.example", "例え.テスト", "[fe80::1%eth0]", "[::ffff:127.0.0.1]", "1.2.3.4"])(
    "but this host is valid: %s",
    (host) => {
      expect(parseServerUrl(`mqtt://${host}`).address.host).toBe(host.replaceAll(/[[\]]/g, ""));
    },
  );

  test.each([
    "mqtt://ann:secret@localhost:99999",
    "mqtt://ann:sec%ret@localhost",
    "mqtt://ann:secret@",
    "http://ann:secret@localhost",
    "ann:secret@localhost",
    "mqtt:ann:secret@localhost",
    "mqtt://ann:secret@localhost/path",
    "mqtt://ann:se?secret@localhost/path",
    "mqtt://localhost/?token=secret",
    "http://localhost/?token=secret",
    "ws://localhost:99999/mqtt?token=secret",
    "ws://ann:x@localhost:99999/mqtt?token=secret",
  ])("and the error shows no credentials: %s", (url) => {
    let message = "";
    try {
      createClient(url);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain("UsageError");
    expect(message).not.toMatch(/ann|sec/);
  });

  test("an empty list, or one with an invalid member", () => {
    expect(() => createClient([] as string[])).toThrow("the list of servers is empty");
    expect(() => createClient(["mqtt://a", "mqtt://b:99999"])).toThrow("99999");
    expect(() => createClient(5 as unknown as string)).toThrow();
  });
});
