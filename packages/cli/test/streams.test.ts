// How the commands behave when their standard streams are closed, full or missing, and when their terminal hangs up.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Child, root, run } from "../../../test/fixtures/child.ts";

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => broker.close());

const port = () => ["-p", String(broker.port)];

/** A shell that runs `line`, in which `$NODE "$PUBLISH" $SERVER` runs the built command. */
function shell(line: string): Child {
  const built = (name: string): string => join(root, "packages/cli/dist/bin", `${name}.cjs`);
  const environment = {
    NODE: process.execPath,
    PUBLISH: built("mqtt-publish"),
    SUBSCRIBE: built("mqtt-subscribe"),
    SERVER: `-p${broker.port}`,
  };
  return new Child("sh", "sh", ["-c", line], { environment });
}

/** Publishes until the child has ended. Returns its exit code. */
async function codeWhilePublishing(child: Child, topic: string): Promise<number | null> {
  await using client = await connect(broker.url);
  const code = child.code();
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  code.then(over, over);
  while (!isOver) {
    await client.publish(topic, "x", { qos: 1 });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return code;
}

test("mqtt_subscribe exits with 0 at the first message after its reader has exited", async () => {
  const line = '{ "$NODE" "$SUBSCRIBE" $SERVER -d -t head; echo "code $?" >&2; } | { read -r line; echo "$line"; }';
  await using child = shell(line);
  await child.noted("debug: subscribed");
  expect(await codeWhilePublishing(child, "head")).toBe(0);
  expect(child.lines).toEqual(["Topic: head, message: 'x'"]);
  expect(child.complaints).toEqual(["code 0"]);
});

test.each(["mqtt_subscribe", "aiko-mqtt"] as const)(
  "%s exits with 0 after the reader of its standard error has exited",
  async (command) => {
    await using child =
      command === "aiko-mqtt"
        ? Child.command(command, ["broker", "-v", "-p", "0"])
        : await Child.subscriber([...port(), "-t", "stderr"]);
    const url = command === "aiko-mqtt" ? (await child.said("listening on")).replace("listening on ", "") : broker.url;
    child.process.stderr?.destroy();
    // The broker may end before it receives the message.
    await using client = await connect(url, { reconnect: false });
    await client.publish("stderr", "x").catch(() => undefined);
    expect(await child.code()).toBe(0);
  },
);

test("mqtt_publish publishes even if nobody reads its standard error", async () => {
  await using client = await connect(broker.url);
  const subscription = await client.subscribe("unread");
  await using child = Child.command("mqtt_publish", [...port(), "-d", "-t", "unread", "-m", "x", "-q", "1"]);
  child.process.stderr?.destroy();
  for await (const message of subscription) {
    expect(message.text()).toBe("x");
    break;
  }
  expect(await child.code()).toBe(0);
});

test("unread lines of standard error are limited, and counted", async () => {
  const path = join(root, "packages/cli/dist/bin/aiko-mqtt.cjs");
  const child = spawn(process.execPath, [path, "broker", "-v", "-p", "0"], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [listening] = await once(child.stdout, "data");
  await using client = await connect(String(listening).trim().replace("listening on ", ""));
  const topic = "x".repeat(200);
  const publishing = Array.from({ length: 6_000 }, () => client.publish(topic, "", { qos: 1 }));
  await Promise.all(publishing);
  const notes = createInterface({ input: child.stderr });
  let published = 0;
  let leftOut = 0;
  for await (const note of notes) {
    if (note.startsWith("aiko-mqtt broker: debug: published ")) published++;
    leftOut = Number(/ (\d+) lines omitted because stderr is read too slowly$/.exec(note)?.[1] ?? 0);
    if (leftOut > 0) break;
  }
  expect(published + leftOut).toBe(publishing.length);
});

test.skipIf(!existsSync("/dev/full"))(
  "mqtt_subscribe exits with 1 if standard output cannot take its data",
  async () => {
    await using child = shell('exec "$NODE" "$SUBSCRIBE" $SERVER -d -t full >/dev/full');
    await child.noted("debug: subscribed");
    expect(await codeWhilePublishing(child, "full")).toBe(1);
    expect(child.complaints).toEqual([expect.stringContaining("standard output: ENOSPC")]);
  },
);

test.each(["<&-", "</dev/null", "<&- >&- 2>&-", "</dev/null >/dev/null 2>/dev/null"])(
  "mqtt_publish and mqtt_subscribe run with %s",
  async (redirections) => {
    const { subscriptions } = broker.statistics;
    await using child = shell(`exec "$NODE" "$SUBSCRIBE" $SERVER -t streams ${redirections}`);
    await expect.poll(() => broker.statistics.subscriptions).toBe(subscriptions + 1);
    const published = new Promise((resolve) => broker.on("published", resolve));
    const publisher = shell(`exec "$NODE" "$PUBLISH" $SERVER -t streams -m xy -q 1 ${redirections}`);
    expect(await run(publisher)).toMatchObject({ code: 0, notes: [] });
    expect(await published).toMatchObject({ topic: "streams", bytes: 2 });
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
  },
);

/** Whether a subscriber still prints messages after SIGHUP; it is ended then. */
async function outlivesHangup(subscriber: Child, pid: number, topic: string): Promise<boolean> {
  await subscriber.noted("debug: subscribed");
  process.kill(pid, "SIGHUP");
  await using client = await connect(broker.url);
  await client.publish(topic, "still here");
  const said = subscriber.said("still here");
  const outlived = await said.then(
    () => true,
    () => false,
  );
  if (outlived) process.kill(pid, "SIGTERM");
  expect(await subscriber.code()).toBe(0);
  return outlived;
}

test("mqtt_subscribe continues without its terminal if nohup started it", async () => {
  const environment = { _: "/usr/bin/nohup" };
  await using child = Child.command("mqtt_subscribe", [...port(), "-d", "-t", "nohup"], { environment });
  expect(await outlivesHangup(child, child.process.pid as number, "nohup")).toBe(true);
});

test.skipIf(!existsSync("/proc/self/status"))(
  "mqtt_subscribe continues without its terminal if the shell that started it ignores SIGHUP",
  async () => {
    await using child = shell(`trap "" HUP; "$NODE" "$SUBSCRIBE" $SERVER -d -t trap & echo $! >&2; wait $!`);
    const pid = await child.noted("");
    expect(await outlivesHangup(child, Number(pid), "trap")).toBe(true);
  },
);

test("mqtt_subscribe otherwise ends with its terminal", async () => {
  await using child = await Child.subscriber([...port(), "-t", "hangup"]);
  await child.noted("debug: subscribed");
  process.kill(child.process.pid as number, "SIGHUP");
  expect(await child.code()).toBe(0); // a message would arrive until it has disconnected
});

test("a second SIGHUP does not interrupt the graceful end that the first one started", async () => {
  await using client = await connect(broker.url);
  const wills: string[] = [];
  await client.subscribe("hangup/will", { onMessage: (message) => void wills.push(message.text()) });
  const will = ["-w", "hangup/will", "--will_message", "gone"];
  await using child = await Child.subscriber([...port(), "-t", "a", ...will]);
  child.kill("SIGHUP");
  child.kill("SIGHUP");
  expect(await child.code()).toBe(0);
  await client.publish("hangup/will", "last", { qos: 1 });
  await expect.poll(() => wills).toEqual(["last"]);
});

test("aiko-mqtt broker goes on after SIGHUP, SIGUSR1 and SIGUSR2, and opens no debugger", async () => {
  await using child = Child.command("aiko-mqtt", ["broker", "-p", "0"]);
  const url = (await child.said("listening on")).replace("listening on ", "");
  await using client = await connect(url);
  for (const [signal, answer] of [
    ["SIGHUP", "SIGHUP: there is no configuration file"],
    ["SIGUSR2", "SIGUSR2: has no effect"],
    ["SIGUSR1", '{"openConnections":1'],
  ] as const) {
    child.kill(signal);
    await child.noted(answer);
  }
  await client.publish("a", "still here", { qos: 1 });
  child.kill("SIGTERM");
  expect(await child.code()).toBe(0);
  expect(child.notes.filter((line) => line.includes("Debugger"))).toEqual([]);
});
