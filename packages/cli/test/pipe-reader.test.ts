import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Child } from "../../../test/fixtures/child.ts";
import { root } from "../../../test/house/source.ts";

// Linux shows who reads a pipe. Other systems tell at the next message only.
const isLinux = process.platform === "linux";

let folder: string;
/** Readers wait for a line in it. */
let signal: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-pipe-"));
  signal = join(folder, "signal");
  if (isLinux) execFileSync("mkfifo", [signal]);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Opened for reading, too, so that nothing waits for a reader that never started. */
async function letGo(): Promise<void> {
  const file = await open(signal, "r+");
  await file.write("go\n");
  await file.close();
}

function pipeline(port: number, command: string, reader: string): Child {
  const program = join(root, "packages/cli/dist/bin", command);
  const sub = `{ "${process.execPath}" ${program} -p ${port} -d -t quiet; echo "ended with $?" >&2; }`;
  return new Child("pipe", "sh", ["-c", `${sub} | { ${reader}; }`, "sh", signal]);
}

test.runIf(isLinux).each(["aiko-mqtt.cjs sub", "mqtt-subscribe.cjs"])(
  "%s ends soon after its reader, although no message arrives",
  async (command) => {
    await using broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
    await using pipe = pipeline(broker.port, command, 'read -r line < "$1"');
    await pipe.noted("debug: subscribed");
    await letGo();
    await pipe.noted("ended with 0");
    expect(await pipe.code()).toBe(0);
  },
);

test.runIf(isLinux)("a reader may hand the pipe over to another process", async () => {
  await using broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
  // The shell that has the pipe first ends. Its child reads two lines, and ends.
  const heir = `{ sh -c 'read -r a; read -r b; echo "$a $b"' <&4 & } 4<&0; read -r line < "$1"`;
  await using pipe = pipeline(broker.port, "aiko-mqtt.cjs sub", heir);
  await pipe.noted("debug: subscribed");
  const client = await connect(broker.url);
  await client.publish("quiet", "one", { qos: 1 });
  await letGo();
  await client.publish("quiet", "two", { qos: 1 });
  await pipe.noted("ended with 0");
  await client.disconnect();
  expect(await pipe.code()).toBe(0);
  expect(pipe.lines).toEqual(["one two"]);
});
