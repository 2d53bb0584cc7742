// `sub --exec` with real processes, against the embedded broker.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Child, run } from "../../../../test/fixtures/child.ts";
import { AcknowledgementTap } from "./acknowledgement-tap.ts";

let broker: Broker;
let folder: string;
beforeAll(async () => {
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
  folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-exec-"));
});
afterAll(async () => {
  await broker.close();
  rmSync(folder, { recursive: true });
});

let number = 0;
const unique = (): string => `exec${++number}`;

/** Runs `sub --exec` for retained messages with these payloads. */
async function execute(command: string, payloads: readonly (string | Uint8Array)[], more: readonly string[] = []) {
  const topic = unique();
  payloads.forEach((payload, i) => {
    broker.publish(`${topic}/${i}`, payload, { qos: 1, retain: true });
  });
  const args = ["-p", `${broker.port}`, "-t", `${topic}/+`, "-q", "1", "-C", `${payloads.length}`];
  const outcome = await run(Child.command("aiko-mqtt", ["sub", ...args, "--exec", command, ...more]));
  return { ...outcome, notes: outcome.notes.map((note) => note.replaceAll(topic, "TOPIC")) };
}

describe("a command receives", () => {
  test("the payload on standard input, and the rest in the environment", async () => {
    const command = 'echo "$MESSAGE_TOPIC $MESSAGE_QOS $MESSAGE_RETAIN $MESSAGE_ATTEMPT $(cat)"';
    const { code, lines, notes } = await execute(command, ["21.5"]);
    expect([code, notes]).toEqual([0, []]);
    expect(lines).toEqual([expect.stringMatching(/^exec\d+\/0 1 1 1 21\.5$/)]);
  });

  test("exactly the bytes of the payload", async () => {
    const { lines } = await execute("od -An -tx1 | tr -d ' \\n'; echo", [Uint8Array.of(0, 0xff, 0x0a), "b"]);
    expect(lines).toEqual(["00ff0a", "62"]);
  });

  test("a printed message", async () => {
    expect((await execute("cat", ["a"], ["-F", "%q %p"])).lines).toEqual(["1 a"]);
    const { lines } = await execute("cat", ["a"], ["--json"]);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ payload: "a", qos: 1, retain: true });
  });

  test("topic and payload as arguments, which no shell reads as a command", async () => {
    const evil = "$(echo injected); `echo injected` '\" && echo injected";
    const { code, lines } = await execute('printf "%s %s\\n" "$#" "$2"; cat', [evil], ["--exec-arguments"]);
    expect([code, lines]).toEqual([0, [`2 ${evil}`]]);
  });

  test("the whole payload, although sub does nothing any more once the command runs", async () => {
    const { code, lines } = await execute("kill -STOP $PPID; wc -c; kill -CONT $PPID", [new Uint8Array(5_000_000)]);
    expect([code, lines]).toEqual([0, ["5000000"]]);
  });

  test("a payload of any size, and need not read it", async () => {
    expect(await execute("true", [new Uint8Array(5_000_000)])).toMatchObject({ code: 0, notes: [] });
  });
});

test.each([
  ["not valid UTF-8", Uint8Array.of(0xff), "is not text"],
  ["with a zero byte", "a\0b", "is not text"],
  ["longer than an argument can be", "x".repeat(3_000_000), "is too long for an argument"],
])("a payload %s cannot be an argument", async (_, payload, why) => {
  const { code, notes } = await execute("true", [payload], ["--exec-arguments"]);
  expect(code).toBe(75);
  expect(notes).toEqual([expect.stringContaining(why)]);
});

test("after the last attempt, sub ends and the message stays at the server", async () => {
  const topic = unique();
  const args = ["-p", `${broker.port}`, "-t", topic, "-q", "1", "-c", "-i", topic];
  await run(Child.command("aiko-mqtt", ["sub", ...args, "-E"]));
  broker.publish(topic, "a", { qos: 1 });
  const failing = ["--exec", "exit 3", "--exec-attempts", "2", "--exec-delay", "0.01"];
  const { code, notes } = await run(Child.command("aiko-mqtt", ["sub", ...args, ...failing]));
  expect(code).toBe(75);
  expect(notes).toEqual([
    expect.stringMatching(/ended with exit code 3; attempt 2 of 2 in 0\.0 s$/),
    expect.stringMatching(/ended with exit code 3, 2 times; the message is not acknowledged$/),
  ]);
  const skipping = await run(Child.command("aiko-mqtt", ["sub", ...args, ...failing, "--exec-skip", "-C", "1"]));
  expect(skipping).toMatchObject({ code: 0 });
  const rest = await run(Child.command("aiko-mqtt", ["sub", ...args, "-W", "0.5"]));
  expect(rest).toMatchObject({ code: 27, lines: [] });
});

test("a command that takes too long is killed with all of its processes, and is a failure", async () => {
  const command = "sleep 1000 | sleep 1000";
  const { code, notes } = await execute(command, ["a"], ["--exec-timeout", "0.1", "--exec-attempts", "1"]);
  expect([code, notes]).toEqual([75, [expect.stringContaining("did not end within 0.1 s")]]);
});

test("as many commands run at the same time as allowed", async () => {
  // Each command ends when all three have begun.
  const gate = join(folder, unique());
  const command = `echo >> ${gate}; while [ "$(wc -l < ${gate})" -lt 3 ]; do sleep 0.05; done`;
  const { code } = await execute(command, ["a", "b", "c"], ["--exec-concurrency", "3", "--exec-attempts", "1"]);
  expect(code).toBe(0);
});

test("^C lets the running command finish, and acknowledges its message", async () => {
  const topic = unique();
  const done = join(folder, topic);
  const args = ["-p", `${broker.port}`, "-t", topic, "-q", "1", "-c", "-i", topic];
  const command = `echo begun; read -r line < ${done}.fifo; cat >> ${done}`;
  await run(new Child("mkfifo", "mkfifo", [`${done}.fifo`]));
  await using subscriber = Child.command("aiko-mqtt", ["sub", ...args, "-d", "--exec", command]);
  await subscriber.noted("debug: subscribed");
  broker.publish(topic, "a", { qos: 1 });
  broker.publish(topic, "b", { qos: 1 });
  await subscriber.said("begun");
  subscriber.kill("SIGINT");
  writeFileSync(`${done}.fifo`, "go\n");
  expect(await subscriber.code()).toBe(0);
  expect(readFileSync(done, "utf8")).toBe("a");
  const rest = await run(Child.command("aiko-mqtt", ["sub", ...args, "-C", "1", "-W", "60"]));
  expect(rest).toMatchObject({ code: 0, lines: ["b"] });
});

test.each([
  [["--exec-attempts", "2"], "option --exec-attempts requires --exec"],
  [["--exec", "true", "--exec-attempts", "0"], "--exec-attempts 0: must be an integer from 1 to 100"],
  [["--exec", "true", "--exec-timeout", "0"], "--exec-timeout 0: must be a number of seconds, greater than 0"],
  [["--exec", "true", "--exec-delay", "x"], "--exec-delay x: must be a number of seconds"],
  [["--exec", "true", "--exec-concurrency", "257"], "must be an integer from 1 to 256"],
])("rejects %j", async (args, why) => {
  const { code, notes } = await run(Child.command("aiko-mqtt", ["sub", "-t", "a", ...args]));
  expect([code, notes]).toEqual([1, [expect.stringContaining(why)]]);
});

test("with a command that fails half of the time, SIGKILL loses no message and repeats none that was acknowledged", async () => {
  const COUNT = 120;
  const KILLS = 6;
  const topic = unique();
  const done = join(folder, topic);
  writeFileSync(done, "");
  await using tap = await AcknowledgementTap.start(broker.port);
  // Half of the calls fail, at most five of a message: its delays double. The others append the payload in one write.
  const succeeds = '[ "$MESSAGE_ATTEMPT" -gt 5 ] || [ "$(od -An -N1 -tu1 /dev/urandom)" -lt 128 ]';
  const command = `line=$(cat); ${succeeds} || exit 1; echo "$line" >> ${done}`;
  const args = ["-p", `${tap.port}`, "-V", "5", "-t", topic, "-q", "1", "-c", "-i", topic];
  const more = ["--exec", command, "--exec-delay", "0.01", "--exec-attempts", "50", "--exec-concurrency", "2"];
  await run(Child.command("aiko-mqtt", ["sub", ...args, "-E"]));
  for (let i = 0; i < COUNT; i++) broker.publish(topic, `${i}`, { qos: 1 });

  const handled = (): string[] => readFileSync(done, "utf8").split("\n").slice(0, -1);
  /** Lines at each kill, and what was acknowledged then. */
  const kills: { readonly lines: number; readonly acknowledged: readonly string[] }[] = [];
  for (let kill = 0; kill <= KILLS; kill++) {
    await using subscriber = Child.command("aiko-mqtt", ["sub", ...args, ...more]);
    const enough = kill === KILLS ? COUNT : Math.floor(((kill + 1) * COUNT) / (KILLS + 2));
    const progress = () => ({ isEnough: tap.acknowledged.size >= enough, notes: subscriber.notes.slice(-4) });
    await expect.poll(progress, { interval: 5 }).toMatchObject({ isEnough: true });
    subscriber.kill("SIGKILL");
    await subscriber.ended();
    await tap.quiet();
    kills.push({ lines: handled().length, acknowledged: [...tap.acknowledged] });
  }
  const lines = handled();
  expect(new Set(lines).size).toBe(COUNT);
  for (const { lines: before, acknowledged } of kills) {
    expect(lines.slice(before).filter((line) => acknowledged.includes(line))).toEqual([]);
    for (const each of acknowledged) expect(lines).toContain(each);
  }
  // Not more than what was running at each kill, or had succeeded and was not acknowledged, happens again.
  expect(lines.length - COUNT).toBeLessThanOrEqual(KILLS * 4);
});
