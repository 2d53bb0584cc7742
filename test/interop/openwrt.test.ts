// The package for OpenWrt, with stand-ins for OpenWrt's own files: its tree, the scripts in BusyBox's shell, and the service. OpenWrt itself is not here.
import { execFile } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { refusals } from "../../packages/cli/src/qjs/gateway/refusals.ts";
import type { Configuration } from "../../packages/gateway/src/configuration/configuration.ts";
import { readConfiguration } from "../../packages/gateway/src/configuration/read-configuration.ts";
import { root } from "../fixtures/child.ts";
import { busyBox } from "../fixtures/router.ts";

const run = promisify(execFile);
const openwrt = join(root, "packages/gateway/openwrt");
const standIns = join(root, "test/fixtures/openwrt");
const CONFIG = "/etc/config/aiko-gateway";

/** The tree of the installed package, with the stand-ins for what OpenWrt has. */
let tree: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), "aiko-openwrt-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const source = join(folder, "package");
  await cp(openwrt, source, { recursive: true });
  await copyFile(join(root, "packages/cli/dist/qjs/gateway.js"), join(source, "files/gateway.js"));
  tree = join(folder, "tree");
  await run("make", ["-s", "-C", source, `TOPDIR=${standIns}`, `DESTDIR=${tree}`, "all"]);
  await mkdir(join(tree, "lib"), { recursive: true });
  await copyFile(join(standIns, "functions.sh"), join(tree, "lib/functions.sh"));
});

/** Runs a script in BusyBox's shell. Resolves to its exit code and its output, whatever they are. */
async function shell(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const env = { ...process.env, IPKG_INSTROOT: tree, ...environment };
  return run(busyBox(), ["sh", ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

async function toml(uci?: string): Promise<{ code: number; stdout: string; stderr: string }> {
  if (uci !== undefined) await writeFile(join(tree, CONFIG), uci);
  return shell([join(tree, "usr/libexec/aiko-gateway-toml")]);
}

function read(text: string): Configuration {
  const { configuration, problems } = readConfiguration(text, {
    file: "g.toml",
    environment: {},
    readFile: () => "pw",
  });
  expect(problems).toBeUndefined();
  return configuration as Configuration;
}

async function service(action: string, environment: Readonly<Record<string, string>> = {}): Promise<string[]> {
  // A gateway that accepts every configuration but one with "bad" in it.
  await writeFile(join(tree, "usr/bin/aiko-gateway"), '#!/bin/sh\n! grep -q bad "$2"\n');
  const { stdout } = await shell(
    [join(standIns, "rc.common"), join(tree, "etc/init.d/aiko-gateway"), action],
    environment,
  );
  return stdout.replaceAll(tree, "").split("\n").filter(Boolean);
}

async function enable(more = ""): Promise<void> {
  const text = await readFile(join(tree, CONFIG), "utf8");
  await writeFile(join(tree, CONFIG), text.replace("option enabled '0'", `option enabled '1'\n${more}`));
}

test("the package installs these files, executable if they are run, and secrets for root only", async () => {
  const files = (await readdir(tree, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  const modes = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(tree.length), ((await stat(path)).mode & 0o777).toString(8)];
    }),
  );
  expect(Object.fromEntries(modes.filter(([path]) => path !== "/lib/functions.sh"))).toEqual({
    "/etc/aiko/gateway.toml": "600",
    "/etc/config/aiko-gateway": "600",
    "/etc/init.d/aiko-gateway": "755",
    "/lib/upgrade/keep.d/aiko-gateway": "644",
    "/usr/bin/aiko-gateway": "755",
    "/usr/libexec/aiko-gateway-toml": "755",
    "/usr/share/aiko/gateway.js": "644",
  });
});

test.each(["aiko-gateway", "aiko-gateway.init", "uci-to-toml"])("%s is valid in BusyBox's shell", async (name) => {
  expect(await shell(["-n", join(openwrt, "files", name)])).toMatchObject({ code: 0, stderr: "" });
});

test("the configurations of the package are valid, and a router can run them", async () => {
  const { code, stdout } = await toml();
  expect(code).toBe(0);
  const fromUci = read(stdout);
  const fromToml = read(await readFile(join(openwrt, "files/gateway.toml"), "utf8"));
  expect([refusals(fromUci), refusals(fromToml)]).toEqual([[], []]);
  expect(fromUci).toEqual(fromToml);
});

test("the configuration in the document is valid, and a router can run it", async () => {
  const [, text = ""] = /```toml\n(.*?)```/s.exec(await readFile(join(root, "docs/openwrt.md"), "utf8")) ?? [];
  expect(refusals(read(text))).toEqual([]);
});

test("each option becomes the key of the same name, with its type", async () => {
  const { stdout } = await toml(`
config gateway 'gateway'
	option id 'r-1'
	option log 'warn'
	option memory_limit '1MiB'
config uplink
	option url 'mqtt://one'
	option username 'me'
	option password 'file:/etc/aiko/password'
	option inflight '20'
config uplink
	option url 'mqtt://two'
config source 'bus'
	option kind 'serial'
	option device '/dev/ttyS1'
	option baud '115200'
	option parity 'even'
	option rs485 '1'
	option exclusive '0'
	option topic 'a "b" \\ c/{node}'
	option format 'csv'
	option qos '0'
	list field 'node'
config source 'cmd'
	option enabled '0'
	option kind 'stdin'
	option topic 't'
	option format 'raw'
	option payload 'raw'
	option max_frame '1KiB'
`);
  const { gateway, uplinks, spool, sources } = read(stdout);
  expect(gateway).toMatchObject({ id: "r-1", log: "warn", memoryLimit: 2 ** 20 });
  expect(uplinks).toMatchObject([
    { url: "mqtt://one", username: "me", password: "pw", inflight: 20 },
    { url: "mqtt://two" },
  ]);
  expect(spool).toMatchObject({ mode: "memory", segment: 65_536 });
  expect(sources).toMatchObject([
    { id: "bus", baud: 115_200, parity: "even", rs485: true, exclusive: false, qos: 0, topic: 'a "b" \\ c/{node}' },
    { id: "cmd", enabled: false, kind: "stdin", decode: { format: "raw" } },
  ]);
});

test("what the script does not know is an error that names it", async () => {
  const section = await toml("config gateway 'gateway'\n\toption id 'r'\nconfig bridge\n\toption x '1'\n");
  expect(section).toMatchObject({ code: 1, stderr: expect.stringContaining("unknown section bridge") });
  const list = await toml("config source 's'\n\tlist colours 'red'\n");
  expect(list).toMatchObject({ code: 1, stderr: expect.stringContaining("unknown list colours") });
});

test("the service starts nothing until it is enabled", async () => {
  expect(await service("start")).toEqual([]);
});

test("the service runs the gateway with the configuration of UCI, and procd starts it again for ever", async () => {
  await enable("option helper 'nc %h %p'");
  const file = "/var/run/aiko-gateway/gateway.toml";
  expect(await service("start")).toEqual([
    "instance",
    `param command /usr/bin/aiko-gateway ${file}`,
    `param file ${file}`,
    "param env MQTT_HELPER=nc %h %p",
    "param respawn 3600 5 0",
    "param term_timeout 5",
    "param stdout 1",
    "param stderr 1",
    "end",
  ]);
  read(await readFile(join(tree, file), "utf8"));
  expect((await stat(join(tree, "var/run/aiko-gateway"))).mode & 0o777).toBe(0o700);
  expect(await service("triggers")).toEqual(["trigger aiko-gateway"]);
});

test("the service uses a file of the user instead, if the option file names it", async () => {
  await enable(`option file '${tree}/etc/aiko/gateway.toml'`);
  expect(await service("start")).toContain("param command /usr/bin/aiko-gateway /etc/aiko/gateway.toml");
});

test("a configuration that is not valid is not started, and a reload keeps the one before", async () => {
  await enable();
  await service("start");
  const file = join(tree, "var/run/aiko-gateway/gateway.toml");
  const before = await readFile(file, "utf8");
  await writeFile(join(tree, CONFIG), "config gateway 'gateway'\n\toption enabled '1'\n\toption id 'bad'\n");
  expect(await service("start")).toEqual([]);
  expect(await service("reload", { RUNNING: "1" })).toEqual([]);
  expect(await readFile(file, "utf8")).toBe(before);
});

test("a reload sends SIGHUP to a service that runs, starts one that does not, and stops one that is not enabled any more", async () => {
  await enable();
  expect(await service("reload", { RUNNING: "1" })).toEqual(["signal aiko-gateway * HUP"]);
  expect((await service("reload"))[0]).toBe("instance");
  await writeFile(join(tree, CONFIG), "config gateway 'gateway'\n\toption id 'r'\n");
  expect(await service("reload", { RUNNING: "1" })).toEqual(["stop"]);
});

test("the command runs the file with qjs, and with the options that it needs", async () => {
  const bin = join(tree, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "qjs"), '#!/bin/sh\necho "$@"\n');
  await chmod(join(bin, "qjs"), 0o755);
  const environment = { PATH: `${bin}:${process.env["PATH"]}`, AIKO_SHARE: "/share" };
  const { stdout } = await shell([join(tree, "usr/bin/aiko-gateway"), "check", "a b"], environment);
  expect(stdout).toBe("--no-unhandled-rejection --strip-source /share/gateway.js check a b\n");
});
