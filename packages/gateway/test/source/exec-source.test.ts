// The source "exec": commands that are run for ever or from time to time, and that never outlive the source or block it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type BenchOptions, GatewayBench, numbered } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";

const source = (command: readonly string[], more = ""): string => `
[[source]]
id = "run"
kind = "exec"
run = ${JSON.stringify(command)}
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
${more}
`;

const shell = (script: string): string[] => ["sh", "-c", script];
const FAST = 'restart = { min = "10ms", max = "50ms" }';

function start(command: readonly string[], more = "", options: BenchOptions = {}): Promise<GatewayBench> {
  return GatewayBench.start({ sources: source(command, more), ...options });
}

/** Whether a process still runs. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("what a command prints becomes messages, and it is answered on its standard input", async () => {
  const script = 'read hello; echo "1,$hello"; read a; echo "2,$a"; exec cat >/dev/null';
  const more = 'acknowledge = "ok {n}\\n"\nline_control = { greeting = "hello\\n" }';
  const bench = await start(shell(script), more);
  await bench.until(() => bench.messages.length === 2);
  expect(bench.messages.map(({ payload }) => payload)).toEqual(["1,hello", "2,ok 1"]);
  expect(bench.source("run")).toMatchObject({ state: "up", connections: 1, url: "exec:sh" });
});

test("there is no shell, and the environment and the directory are those that were configured", async () => {
  const directory = await deviceDirectory();
  const print =
    'console.log("1," + [process.argv[1], process.env.NAME, process.cwd()].join(" ")); setInterval(() => {}, 1e6)';
  const bench = await start([process.execPath, "-e", print, "$HOME;*"], `cwd = "${directory}"\nenv = { NAME = "a b" }`);
  await bench.until(() => bench.messages.length === 1);
  expect(bench.messages[0]?.payload).toBe(`1,$HOME;* a b ${directory}`);
});

test("a command that ends is started again, with all that it printed accepted", async () => {
  const directory = await deviceDirectory();
  const script = `n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; echo "$n,x"; printf "$n,last"; exit 3`;
  const bench = await start(shell(script), `cwd = "${directory}"\n${FAST}`);
  await bench.until(() => bench.messages.length >= 6);
  expect(bench.topics.slice(0, 6)).toEqual(["t/1", "t/1", "t/2", "t/2", "t/3", "t/3"]);
  await bench.until(() => bench.source("run").lastError === "the command ended with the exit code 3");
  expect(bench.source("run").reopens).toBeGreaterThan(0);
});

test("a command that does not exist is an error in the status", async () => {
  const bench = await start(["/no/such/command"], FAST);
  await bench.until(() => (bench.source("run").lastError ?? "").includes("ENOENT"));
  const missing = bench.configurationWith({ sources: source(shell("echo 1,x"), 'cwd = "/no/such/directory"') });
  await bench.gateway.reload(missing);
  await bench.until(() => (bench.source("run").lastError ?? "").includes("ENOENT"));
});

test("a command that forks and dies leaves nothing behind, and is started again", async () => {
  const directory = await deviceDirectory();
  // The child keeps the output open, and would for an hour.
  const script = "sleep 3600 & echo $! >> pids; echo 1,x";
  const bench = await start(shell(script), `cwd = "${directory}"\n${FAST}`);
  await bench.until(() => bench.messages.length === 2);
  const pids = (await readFile(join(directory, "pids"), "utf8")).trim().split("\n").map(Number);
  await bench.until(() => !isAlive(pids[0] as number));
  await bench.stop();
  await bench.until(() => pids.every((pid) => !isAlive(pid)));
});

test("a daemon that has left the process group, and holds the output, does not block the source", async () => {
  const directory = await deviceDirectory();
  const script = "setsid sleep 3600 & echo $! >> pids; echo 1,x";
  const bench = await start(shell(script), `cwd = "${directory}"\n${FAST}`);
  await bench.until(() => bench.messages.length === 2);
  await bench.stop();
  for (const pid of (await readFile(join(directory, "pids"), "utf8")).trim().split("\n")) process.kill(Number(pid));
});

test("a stop ends a command that ignores SIGTERM, and its children", async () => {
  const directory = await deviceDirectory();
  const bench = await start(
    shell('trap "" TERM; sleep 3600 & echo "$! $$" > pids; echo 1,x; wait; wait'),
    `cwd = "${directory}"`,
  );
  await bench.until(() => bench.messages.length === 1);
  const pids = (await readFile(join(directory, "pids"), "utf8")).trim().split(" ").map(Number);
  await bench.stop();
  await bench.until(() => pids.every((pid) => !isAlive(pid)));
});

test("a command is run from time to time, one run after the other", async () => {
  const directory = await deviceDirectory();
  const script = `test -e busy && echo 99,overlap; touch busy; echo 1,x; rm busy`;
  const bench = await start(shell(script), `cwd = "${directory}"\nevery = "100ms"`);
  await bench.until(() => bench.messages.length === 3);
  expect(new Set(bench.topics)).toEqual(new Set(["t/1"]));
  expect(bench.log.filter((line) => line.includes("source=run"))).toHaveLength(1);
  const failing = bench.configurationWith({ sources: source(shell("exit 1"), 'every = "100ms"') });
  await bench.gateway.reload(failing);
  await bench.until(() => bench.source("run").lastError === "the command ended with the exit code 1");
});

test("a run that hangs is ended, counted and logged, with all that it has started, and what it printed counts", async () => {
  const directory = await deviceDirectory();
  const script = 'trap "" TERM; sleep 3600 & echo "$! $$" >> pids; echo 1,x; wait; wait';
  const bench = await start(shell(script), `cwd = "${directory}"\nevery = "100ms"\ntimeout = "200ms"`);
  await bench.until(() => (bench.source("run").timeouts ?? 0) >= 2);
  expect(bench.source("run").lastError).toBe("the command was ended, because it took more than 200 ms");
  expect(bench.log.filter((line) => line.includes("took more than 200 ms"))).toHaveLength(1);
  await bench.stop();
  const pids = (await readFile(join(directory, "pids"), "utf8")).trim().split(/\s/).map(Number);
  await bench.until(() => pids.every((pid) => !isAlive(pid)));
  await bench.until(() => bench.messages.length > 1);
});

test("standard error goes to the log, with a bound", async () => {
  const bench = await start(
    shell('i=0; while [ $i -lt 1000 ]; do echo "line $i" >&2; i=$((i+1)); done; echo 1,x; sleep 3600'),
  );
  await bench.until(() => bench.messages.length === 1);
  await bench.until(() => bench.log.some((line) => line.includes('line="line 0"')));
  expect(bench.log.filter((line) => line.includes("the command reports")).length).toBeLessThanOrEqual(50);
});

test("while the spool is full, the command waits, and nothing that it printed before its end is lost", async () => {
  const bench = await start(shell("seq 1 5000 | sed 's/$/,x/'; sleep 3600"), "", {
    spool: 'mode = "memory"\nmax_records = 50',
    online: false,
  });
  await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
  bench.online();
  await bench.until(() => bench.messages.length === 5_000);
  expect(bench.topics).toEqual(numbered(1, 5_000).map((n) => `t/${n}`));
});

test("a process group that is gone is not signalled again, though something outside of it holds the output open", async () => {
  const kill = vi.spyOn(process, "kill");
  onTestFinished(() => kill.mockRestore());
  const bench = await start(shell('echo "1,x"; setsid sleep 3 & sleep 0.2'), 'every = "1h"');
  await bench.until(() => bench.source("run").state === "up");
  const signals = kill.mock.calls.filter(([pid]) => pid < 0).map(([, signal]) => signal);
  expect(signals).toEqual(["SIGTERM"]);
});
