// The single file for a bare `qjs`, on a real one, with socat and with BusyBox's nc, with a real mosquitto and our
// broker.
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, describe, expect, test } from "vitest";
import { Child, root, run } from "../fixtures/child.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";
import { busyBoxFolder, childrenOf, peak } from "../fixtures/router.ts";

const bundle = join(root, "packages/cli/dist/qjs/mqtt.js");

/** qjs before 2025-09-13 reports a rejection that is handled a little later as unhandled. */
const command = ["qjs", "--no-unhandled-rejection", bundle];

function qjs(...args: string[]): Child {
  const [file = "", ...rest] = command;
  return new Child("qjs", file, [...rest, ...args]);
}

/** The helper of a process. */
async function onlyChild(pid: number | undefined): Promise<number> {
  const children = await childrenOf(pid);
  expect(children).toHaveLength(1);
  return children[0] as number;
}

/** Resolves when a process has printed this many lines. */
function printed({ process }: Child, lines: number): Promise<void> {
  let left = lines;
  return new Promise((resolve) => {
    process.stdout?.on("data", (bytes: Uint8Array) => {
      for (const byte of bytes) if (byte === 10) left--;
      if (left === 0) resolve();
    });
  });
}

/** A server of each kind. */
const servers = { mosquitto: () => Mosquitto.start(), "our broker": () => Broker.listen({ port: 0 }) };

describe.each(Object.entries(servers))("a real qjs with %s", (_name, start) => {
  test("publishes and subscribes at every QoS", async () => {
    await using server = await start();
    const where = ["-h", "127.0.0.1", "-p", new URL(server.url).port];
    await using subscriber = qjs("mqtt_subscribe", "-d", ...where, "-t", "a/#", "-q", "2");
    await subscriber.noted("subscribed to a/#");
    for (const qos of ["0", "1", "2"]) {
      const { code, notes } = await run(qjs("mqtt_publish", ...where, "-t", `a/${qos}`, "-m", "žluť", "-q", qos));
      expect([code, notes]).toEqual([0, []]);
      expect(await subscriber.said(`a/${qos}`)).toBe(`Topic: a/${qos}, message: 'žluť'`);
    }
    subscriber.kill("SIGINT");
    expect(await subscriber.code()).toBe(0);
  });

  test("mqtt_test ends at quit", async () => {
    await using server = await start();
    await using client = await connect(server.url);
    const published = await client.subscribe("test/1");
    await using child = qjs("mqtt_test", "-p", new URL(server.url).port, "127.0.0.1");
    for await (const message of published) {
      expect(message.text()).toBe("test message");
      break;
    }
    await client.publish("test/2", "quit");
    expect(await child.code()).toBe(0);
    expect(child.lines).toEqual(["Topic: test/2, message: 'quit'"]);
  });

  test("prints thousands of messages in less than 8 MB", async () => {
    await using server = await start();
    const where = ["-h", "127.0.0.1", "-p", new URL(server.url).port];
    await using subscriber = qjs("mqtt_subscribe", "-d", ...where, "-t", "m");
    await subscriber.noted("subscribed to m");
    await using client = await connect(server.url);
    for (let i = 0; i < 3_000; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => client.publish("m", `${i + j}`.padStart(64, "."))));
    }
    await subscriber.said(".2999'");
    expect(subscriber.lines.length).toBe(3_000);
    expect(await peak(subscriber.process.pid)).toBeLessThan(8_000);
  });
});

describe("with BusyBox's nc, which routers have", async () => {
  const folder = await busyBoxFolder();
  const withNc = (...args: string[]): Child =>
    new Child("qjs", "env", [`PATH=${folder}:${process.env["PATH"]}`, ...command, ...args]);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(["0", "1"])(
    "ten thousand messages at QoS %s take less than 8 MB, including the helper's memory",
    async (qos) => {
      await using mosquitto = await Mosquitto.start();
      const where = ["-h", "127.0.0.1", "-p", `${mosquitto.port}`];
      await using subscriber = withNc("mqtt_subscribe", ...where, "-t", "m", "-q", qos);
      await mosquitto.logged("Sending SUBACK");
      const helper = await onlyChild(subscriber.process.pid);
      const all = printed(subscriber, 10_000);
      await using client = await connect(mosquitto.url);
      for (let i = 0; i < 10_000; i += 100) {
        const publish = (j: number) => client.publish("m", `${i + j}`.padStart(64, "."), { qos: qos === "1" ? 1 : 0 });
        await Promise.all(Array.from({ length: 100 }, (_, j) => publish(j)));
      }
      await all;
      const [own, its] = [await peak(subscriber.process.pid), await peak(helper)];
      console.log(`peak memory at QoS ${qos}: qjs ${own} KB, nc ${its} KB, ${own + its} KB all in`);
      expect(own + its).toBeLessThan(8_000);
      subscriber.kill("SIGTERM");
      expect(await subscriber.code()).toBe(0);
      await expect.poll(() => existsSync(`/proc/${helper}`)).toBe(false);
    },
  );

  test("a last publish is sent completely", async () => {
    await using broker = await Broker.listen({ port: 0 });
    await using client = await connect(broker.url);
    const subscription = await client.subscribe("a");
    const payload = "x".repeat(100_000);
    const { code, notes } = await run(
      withNc("mqtt_publish", "-h", "127.0.0.1", "-p", `${broker.port}`, "-t", "a", "-m", payload),
    );
    expect([code, notes]).toEqual([0, []]);
    for await (const message of subscription) {
      expect(message.text()).toBe(payload);
      break;
    }
  });

  test("a server that goes offline is noticed, and found again", async () => {
    await using mosquitto = await Mosquitto.start();
    const where = ["-h", "127.0.0.1", "-p", `${mosquitto.port}`];
    await using subscriber = withNc("mqtt_subscribe", "-d", ...where, "-t", "a");
    await subscriber.noted("subscribed to a");
    const helper = await onlyChild(subscriber.process.pid);
    await mosquitto.kill();
    await subscriber.noted("retrying in");
    await mosquitto.startAgain();
    await mosquitto.logged("Sending SUBACK");
    await expect.poll(() => existsSync(`/proc/${helper}`)).toBe(false);
    await using client = await connect(mosquitto.url);
    await client.publish("a", "still here");
    await subscriber.said("still here");
  });

  test("a server that is not reachable is reported in nc's words", async () => {
    const server = await Broker.listen({ port: 0 });
    await server.close();
    const { code, notes } = await run(
      withNc("mqtt_publish", "-h", "127.0.0.1", "-p", `${server.port}`, "-t", "a", "-m", "b"),
    );
    expect([code, notes]).toEqual([
      1,
      [
        expect.stringMatching(
          /helper "nc 127.0.0.1 \d+" ended with exit code 1: nc: can't connect.*: Connection refused/,
        ),
      ],
    ]);
  });

  test("nc does not outlive its qjs, however that ends", async () => {
    await using mosquitto = await Mosquitto.start();
    await using subscriber = withNc(
      "mqtt_subscribe",
      "-d",
      "-h",
      "127.0.0.1",
      "-p",
      `${mosquitto.port}`,
      "-i",
      "brief",
      "-t",
      "a",
    );
    await subscriber.noted("subscribed to a");
    subscriber.kill("SIGKILL");
    await subscriber.ended();
    await mosquitto.logged("brief closed its connection");
  });
});

test("an unreachable server and a missing helper are reported in words", async () => {
  const server = await Broker.listen({ port: 0 });
  const port = new URL(server.url).port;
  await server.close();
  const refused = await run(qjs("mqtt_publish", "-h", "127.0.0.1", "-p", port, "-t", "a", "-m", "b"));
  expect([refused.code, refused.notes]).toEqual([1, [expect.stringContaining("Connection refused")]]);
  const missing = await run(qjs("mqtt_publish", "--helper", "no-such-helper %h", "-t", "a", "-m", "b"));
  expect([missing.code, missing.notes]).toEqual([
    1,
    [expect.stringContaining('helper "no-such-helper": command not found')],
  ]);
});

test("the program in the document works", async () => {
  const [, program = ""] = /```js\n(.*?)```/s.exec(await readFile(join(root, "docs/quickjs.md"), "utf8")) ?? [];
  await using broker = await Broker.listen({ port: 0 });
  const folder = await mkdtemp(join(tmpdir(), "aiko-mqtt-program-"));
  try {
    await copyFile(bundle, join(folder, "mqtt.js"));
    const here = program
      .replace("mqtt://broker.lan", broker.url)
      .replace("nc %h %p", "socat - TCP:%h:%p")
      .replace("std.out", "std.err") // which is not buffered if it is a pipe
      .replace("text()}\\n`) });", "$&\n  std.err.puts('subscribed\\n');");
    await writeFile(join(folder, "program.js"), here);
    await using child = new Child("qjs", "qjs", ["--no-unhandled-rejection", join(folder, "program.js")]);
    await child.noted("subscribed");
    await using client = await connect(broker.url);
    await client.publish("router/command", "reboot", { qos: 1 });
    await child.noted("reboot");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a serial line is opened as a plain file", async () => {
  await using broker = await Broker.listen({ port: 0 });
  const folder = await mkdtemp(join(tmpdir(), "aiko-mqtt-line-"));
  const path = join(folder, "ttyS1");
  try {
    await using line = new Child("socat", "socat", [
      "-d",
      "-d",
      `PTY,link=${path},rawer,wait-slave`,
      `TCP:127.0.0.1:${broker.port}`,
    ]);
    await line.noted("PTY is");
    await using client = await connect(broker.url);
    const subscription = await client.subscribe("a");
    const { code, notes } = await run(qjs("mqtt_publish", "--unix", path, "-t", "a", "-m", "by wire", "-q", "1"));
    expect([code, notes]).toEqual([0, []]);
    for await (const message of subscription) {
      expect(message.text()).toBe("by wire");
      break;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("mqtt_subscribe ends when its reader exits", async () => {
  await using mosquitto = await Mosquitto.start();
  const line = `${command.join(" ")} mqtt_subscribe -d -h 127.0.0.1 -p ${mosquitto.port} -t a | head -1`;
  await using shell = new Child("sh", "sh", ["-c", line]);
  await shell.noted("subscribed to a");
  await using client = await connect(mosquitto.url);
  const flood = setInterval(() => void client.publish("a", "enough"), 20);
  try {
    expect(await shell.code()).toBe(0);
  } finally {
    clearInterval(flood);
  }
  expect(shell.lines).toEqual(["Topic: a, message: 'enough'"]);
});

test("no helper outlives its qjs, however that ends", async () => {
  await using mosquitto = await Mosquitto.start();
  const where = ["-h", "127.0.0.1", "-p", `${mosquitto.port}`];
  await using subscriber = qjs("mqtt_subscribe", "-d", ...where, "-i", "short-lived", "-t", "a");
  await subscriber.noted("subscribed to a");
  subscriber.kill("SIGKILL");
  await subscriber.ended();
  await mosquitto.logged("short-lived closed its connection");
});
