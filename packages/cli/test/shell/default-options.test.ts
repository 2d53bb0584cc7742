// Where options come from: the command line, the environment, and files.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Arguments, parseArguments } from "../../src/arguments.ts";
import type { Command } from "../../src/command.ts";
import { type ArgumentsWithDefaults, withDefaults } from "../../src/shell/default-options.ts";
import { shellOptions } from "../../src/shell/shell-options.ts";
import type { Terminal } from "../../src/terminal.ts";

const options = {
  topic: { letters: "t", value: "FILTER", help: "", repeats: true },
  qos: { letters: "q", value: "QOS", help: "", repeats: true },
  json: { help: "" },
  verbose: { letters: "v", help: "" },
  ...shellOptions,
};

interface Given {
  readonly argv?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Files below the folder XDG_CONFIG_HOME. */
  readonly files?: Readonly<Record<string, string>>;
  readonly mode?: number;
}

/** Runs a command with these options; returns what it received. */
async function received({ argv = [], environment = {}, files = {}, mode = 0o600 }: Given, check?: Command["run"]) {
  const folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-defaults-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "aiko-mqtt"));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  }
  const notes: string[] = [];
  const terminal = {
    environment: { XDG_CONFIG_HOME: folder, ...environment },
    note: (line: string) => notes.push(line.replaceAll(folder, "")),
  } as unknown as Terminal;
  let found: Arguments<string> | undefined;
  const command = withDefaults("sub", {
    usage: "",
    summary: "",
    options,
    async run(args) {
      found = args;
      await check?.(args, terminal);
    },
  });
  const parsed = parseArguments(
    command.options,
    argv.map((each) => each.replace("FOLDER", folder)),
  );
  if (parsed.asks !== "run") throw new Error("no arguments");
  await command.run(parsed.args, terminal);
  const order = found?.sequence(...Object.keys(options)).map(([name, value]) => `${name}=${value}`);
  return { order, notes, args: found as ArgumentsWithDefaults<string> };
}

test("the command line replaces the environment, which replaces files", async () => {
  const files = { mosquitto_sub: "-h file\n-p 1\n-u file\n", "aiko-mqtt/sub": "-p 2\n" };
  const environment = { MQTT_HOST: "variable", MQTT_USERNAME: "variable", MQTT_PASSWORD: "secret" };
  const { order, args, notes } = await received({ argv: ["-u", "line"], environment, files });
  expect(order).toEqual(["port=2", "host=variable", "username=line"]);
  expect(args.text("host")).toBe("variable");
  expect(args.onCommandLine.has("host")).toBe(false);
  expect(notes).toEqual([]);
});

test("topics of files are added, as with mosquitto_sub, and those of the environment are replaced", async () => {
  const files = { mosquitto_sub: "-t a\n", "aiko-mqtt/sub": "-t b\n-q 1\n" };
  const { order } = await received({ argv: ["-t", "d", "-q", "2"], environment: { MQTT_TOPIC: "c" }, files });
  expect(order).toEqual(["topic=a", "topic=b", "topic=d", "qos=2"]);
});

test.each([
  [["--unix", "/socket"], ["unix=/socket"]],
  [
    ["-L", "mqtt://other"],
    ["cafile=x", "url=mqtt://other"],
  ],
  [
    ["-h", "other"],
    ["port=1", "cafile=x", "host=other"],
  ],
  [["--no-tls"], ["host=file", "port=1"]],
] as const)("%j replaces a server of the file", async (argv, expected) => {
  const files = { mosquitto_sub: "-h file\n-p 1\n--cafile x\n" };
  expect((await received({ argv, files })).order).toEqual(expected);
});

test("an alternative on the command line replaces that of the file", async () => {
  const files = { mosquitto_sub: "-v\n-i name\n" };
  expect((await received({ argv: ["--json", "-I", "a"], files })).order).toEqual(["json=", "id-prefix=a"]);
});

test("switches in the environment are 1 or 0", async () => {
  const environment = { MQTT_TLS: "1", MQTT_WS: "false", MQTT_DEBUG: "", MQTT_UNKNOWN: "x" };
  expect((await received({ environment })).order).toEqual(["tls="]);
  await expect(received({ environment: { MQTT_TLS: "maybe" } })).rejects.toThrow(
    'MQTT_TLS: must be 1 or 0, not "maybe"',
  );
});

test("a property in the environment has several words", async () => {
  const { args } = await received({ environment: { MQTT_PROPERTY: "connect user-property key a value" } });
  expect(args.all("property")).toEqual(["connect\0user-property\0key\0a value"]);
});

test("variables that Kubernetes sets for a service are ignored", async () => {
  expect((await received({ environment: { MQTT_PORT: "tcp://10.0.0.1:1883" } })).order).toEqual([]);
});

test("MQTT_PASSWORD replaces the password of a file", async () => {
  const files = { mosquitto_sub: "-u me\n-P file\n" };
  expect((await received({ files })).order).toEqual(["username=me", "password=file"]);
  expect((await received({ files, environment: { MQTT_PASSWORD: "x" } })).order).toEqual(["username=me"]);
});

test.skipIf(process.platform === "win32")("warns of a secret that other users can read", async () => {
  for (const secret of ["-P x", "-L mqtt://me:x@host", "--psk 0a"]) {
    const files = { mosquitto_sub: `-u me\n${secret}\n` };
    expect((await received({ files, mode: 0o644 })).notes).toEqual([
      "warning: /mosquitto_sub, line 2: other users can read the secret; run chmod 600 /mosquitto_sub",
    ]);
  }
  expect((await received({ files: { mosquitto_sub: "-L mqtt://host\n" }, mode: 0o644 })).notes).toEqual([]);
});

test("a file of --options-file is read instead, and must exist", async () => {
  const files = { mosquitto_sub: "-h a\n", other: "-p 2\n" };
  expect((await received({ argv: ["-o", "FOLDER/other"], files })).order).toEqual(["port=2"]);
  await expect(received({ argv: ["-o", "FOLDER/missing"] })).rejects.toThrow("missing: file not found");
});

test("an error about an option names the place where it was set", async () => {
  const check: Command["run"] = async (args) => {
    args.integer("port", 1, 1, 65_535);
  };
  await expect(received({ environment: { MQTT_PORT: "x" } }, check)).rejects.toThrow(
    "--port x: must be an integer from 1 to 65535 (--port is set in MQTT_PORT)",
  );
  await expect(received({ files: { mosquitto_sub: "\n-p x" } }, check)).rejects.toThrow(
    /\(--port is set in .*\/mosquitto_sub, line 2\)$/,
  );
  await expect(received({ argv: ["-p", "x"] }, check)).rejects.toThrow(/65535$/);
});
