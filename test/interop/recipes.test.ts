// The recipes of docs/cli/recipes.md, as they are written there, with the programs that they use.
import { type SpawnSyncReturns, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { root } from "../fixtures/child.ts";
import { freePort } from "../fixtures/free-port.ts";

const page = readFileSync(join(root, "docs/cli/recipes.md"), "utf8");
const sections = new Map(page.split(/^## /m).map((section) => [section.split("\n", 1)[0] ?? "", section]));
const tested = new Set<string>();

/** The blocks of a recipe. */
function recipe(title: string, language = "sh"): string[] {
  tested.add(title);
  const blocks = [...(sections.get(title) ?? "").matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)\`\`\`$`, "gm"))];
  return blocks.map(([, text = ""]) => text);
}

let broker: Broker;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "aiko-recipes-"));
  mkdirSync(join(folder, "bin"));
});
afterAll(() => {
  expect([...sections.keys()].slice(1).sort()).toEqual([...tested].sort());
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
  serve(broker.port);
});
afterEach(() => broker.close());

/** The recipes call the server on this machine: a program in front of ours adds the port. */
function serve(port: number): void {
  const program = join(root, "packages/cli/dist/bin/aiko-mqtt.cjs");
  place(
    "aiko-mqtt",
    `command=$1; shift
case $command in completion) ;; *) set -- -h 127.0.0.1 -p ${port} "$@" ;; esac
[ "$command" = sub ] && [ -n "$RECIPE_COUNT" ] && set -- -C "$RECIPE_COUNT" "$@"
exec '${process.execPath}' '${program}' "$command" "$@"`,
  );
}

function place(name: string, script: string): void {
  const path = join(folder, "bin", name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

async function retain(messages: Readonly<Record<string, string>>): Promise<void> {
  await using client = await connect(broker.url);
  for (const [topic, payload] of Object.entries(messages))
    await client.publish(topic, payload, { qos: 1, retain: true });
}

/** The retained messages, until one is missing. */
async function retained(...topics: string[]): Promise<(string | undefined)[]> {
  await using client = await connect(broker.url);
  const found = new Map<string, string>();
  await client.subscribe("#", {
    onMessage: (message) => {
      found.set(message.topic, message.text());
    },
  });
  await client.publish("end", "");
  await expect.poll(() => found.has("end")).toBe(true);
  return topics.map((topic) => found.get(topic));
}

type Result = Pick<SpawnSyncReturns<string>, "status" | "stdout" | "stderr">;

/** @param count the number of messages after which `sub` ends */
function run(shell: string, text: string, count?: number): Promise<Result> {
  const env = {
    PATH: `${join(folder, "bin")}:/usr/bin:/bin`,
    HOME: folder,
    LANG: "C.UTF-8",
    ...(count !== undefined && { RECIPE_COUNT: String(count) }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(shell, ["-c", text], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

const lines = ({ stdout }: Result): string[] => stdout.split("\n").slice(0, -1).sort();

test("a value in a variable", async () => {
  const [text = ""] = recipe("A value in a variable");
  expect(await run("sh", text.replace("-W 5", "-W 0.3"))).toMatchObject({ stdout: "no level, code 27\n" });
  await retain({ "tank/level": "42 %" });
  expect(await run("sh", text.replace("-W 5", "-W 60"))).toMatchObject({ status: 0, stdout: "level: 42 %\n" });
});

test("a loop over messages", async () => {
  await retain({ "sensors/a": "21.5 °C", "sensors/b": "a \\ b" });
  const [text = ""] = recipe("A loop over messages");
  expect(lines(await run("sh", text, 2))).toEqual(["sensors/a has 21.5 °C", "sensors/b has a \\ b"]);
});

test("a command for each message", async () => {
  await retain({ "jobs/1": "three", "jobs/2": "it's" });
  const [text = ""] = recipe("A command for each message");
  expect(lines(await run("sh", text, 2))).toEqual(["jobs/1 has 5 bytes", "jobs/2 has 4 bytes"]);
});

test("cron", async () => {
  const [text = ""] = recipe("cron", "crontab");
  const command = text.trim().split(/ /).slice(5).join(" ").replaceAll("\\%", "%");
  expect(await run("/bin/sh", command)).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(await retained(`load/${hostname()}`)).toEqual([expect.stringMatching(/^\d+\.\d+$/)]);
});

test.each(["xargs", "GNU parallel"])("%s", async (title) => {
  writeFileSync(join(folder, "one two.txt"), "three");
  writeFileSync(join(folder, "it's.txt"), "four");
  await retain({ "files/1": "one two.txt", "files/2": "it's.txt" });
  const [text = ""] = recipe(title);
  expect(lines(await run("sh", text, 2))).toEqual(["4 it's.txt", "5 one two.txt"]);
});

test("jq", async () => {
  const [select = "", inner = "", publish = ""] = recipe("jq");
  await retain({ "sensors/attic/temperature": "21.5", "sensors/attic/humidity": "40", "meters/1": '{"power":1.5}' });
  expect(lines(await run("sh", select, 2))).toEqual(["sensors/attic/temperature\t21.5"]);
  expect(lines(await run("sh", inner, 1))).toEqual(['{"topic":"meters/1","power":1.5}']);
  const readings = [
    { room: "attic", celsius: 21.5 },
    { room: "hall", celsius: 19 },
  ];
  writeFileSync(join(folder, "readings.jsonl"), readings.map((each) => `${JSON.stringify(each)}\n`).join(""));
  expect(await run("sh", publish)).toMatchObject({ status: 0, stderr: "" });
  expect(await retained("rooms/attic", "rooms/hall")).toEqual(["21.5", "19"]);
});

test("copying retained messages", async () => {
  const [text = ""] = recipe("Copying retained messages");
  const [save = "", publish = ""] = text.split("\n");
  await retain({ a: "1", "b/c": "two" });
  expect(await run("sh", save.replace("-W 3", "-W 5"))).toMatchObject({ status: 0 });
  await broker.close();
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
  serve(broker.port);
  expect(await run("sh", publish)).toMatchObject({ status: 0, stderr: "" });
  expect(await retained("a", "b/c")).toEqual(["1", "two"]);
});

test("waiting for a server", async () => {
  const [text = ""] = recipe("Waiting for a server");
  expect(await run("sh", text)).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("systemd", async () => {
  const [service = "", timer = ""] = recipe("systemd", "ini");
  const units = { "broker-health.service": service, "broker-health.timer": timer };
  for (const [name, unit] of Object.entries(units)) writeFileSync(join(folder, name), unit);
  const verified = await run(
    "sh",
    `SYSTEMD_LOG_LEVEL=warning systemd-analyze verify ${Object.keys(units)
      .map((name) => `./${name}`)
      .join(" ")}`,
  );
  expect(verified.stderr.split("\n").filter((line) => line.includes("broker-health"))).toEqual([]);
  const [, command = ""] = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(service) ?? [];
  place("systemctl", 'echo "$@"');
  expect(await run("/bin/sh", command)).toMatchObject({ status: 0, stdout: expect.stringContaining("answers") });
  serve(await freePort());
  expect(await run("/bin/sh", command)).toMatchObject({ status: 0, stdout: "restart mosquitto\n" });
});

test("containers", async () => {
  const [text = ""] = recipe("Containers", "dockerfile");
  const command = text.replace(/^.* CMD /, "");
  expect(await run("/bin/sh", command)).toMatchObject({ status: 0 });
  serve(await freePort());
  expect(await run("/bin/sh", command)).toMatchObject({ status: 1 });
});
