// What `gateway check` warns of: what a source needs of this machine and does not find.
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { missingFor } from "../../src/source/missing.ts";
import { configurationOf } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";
import { SerialLine } from "./serial-line.ts";

async function missing(source: string): Promise<string[]> {
  const sources = `[[source]]\nid = "in"\ntopic = "t"\n${source}`;
  const [settings] = configurationOf({ sources }, { TOKEN: "x" }).sources;
  if (settings === undefined) throw new Error("there is no source");
  return missingFor(settings);
}

test.each([
  ['kind = "serial"\ndevice = "/no/such/tty"', "device: ENOENT"],
  ['kind = "serial"\ndevice = "/dev/no-such-tty-*"', "device: no device matches /dev/no-such-tty-*"],
  ['kind = "tcp-server"\nlisten = "192.0.2.1:2000"', "listen: listen EADDRNOTAVAIL"],
  ['kind = "http"\nlisten = "192.0.2.1:2000"\ntoken = "t"', "listen: listen EADDRNOTAVAIL"],
  ['kind = "udp"\nlisten = "192.0.2.1:2000"', "listen: bind EADDRNOTAVAIL"],
  ['kind = "unix"\npath = "/no/such/socket"', "path: ENOENT"],
  ['kind = "unix"\nlisten = false\npath = "/no/such/socket"', "path: ENOENT"],
  ['kind = "exec"\nrun = ["/no/such/program"]', "run: there is no program /no/such/program that may be run"],
  ['kind = "exec"\nrun = ["no-such-program"]', "run: there is no program no-such-program in PATH"],
  ['kind = "exec"\nrun = ["sh"]\nenv = { PATH = "/no/such" }', "run: there is no program sh in PATH"],
  ['kind = "exec"\nrun = ["/bin/sh"]\ncwd = "/no/such"', "cwd: ENOENT"],
  ['kind = "exec"\nrun = ["/bin/sh"]\ncwd = "/dev/null"', "cwd: /dev/null is not a directory"],
  ['kind = "tcp"\nconnect = "h:1"\ntls = { ca = "/no/ca.pem" }', "ca: ENOENT"],
  ['kind = "tcp-server"\nlisten = "127.0.0.1:0"\ntls = { cert = "/dev/null", key = "/no/key.pem" }', "key: ENOENT"],
])("%s is missing", async (source, message) => {
  const found = await missing(source);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(message);
});

test("what is there is not missing, and neither is a port that a running gateway has", async () => {
  const directory = await deviceDirectory();
  await SerialLine.plug(join(directory, "ttyA"));
  await writeFile(join(directory, "program"), "", { mode: 0o700 });
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await expect.poll(() => server.listening).toBe(true);
  const { port } = server.address() as { port: number };
  for (const source of [
    `kind = "serial"\ndevice = "${directory}/tty?"`,
    `kind = "tcp-server"\nlisten = "127.0.0.1:${port}"`,
    `kind = "udp"\nlisten = ":0"`,
    `kind = "unix"\npath = "${directory}/socket"`,
    'kind = "exec"\nrun = ["sh"]',
    `kind = "exec"\nrun = ["./program"]\ncwd = "${directory}"`,
    'kind = "stdin"',
  ]) {
    expect(await missing(source)).toEqual([]);
  }
});
