// No secret in any output: a program that prints every object of the library, and the commands, each with secrets in
// every possible place.
import { join } from "node:path";
import { inspect } from "node:util";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child, type CommandName, root } from "../fixtures/child.ts";

const SECRET = "5ecret-0f-ann";
const bytes = new TextEncoder().encode(SECRET);
/** The secret, in every form in which it may be printed. */
const FORMS = [
  SECRET,
  encodeURIComponent(SECRET),
  btoa(SECRET),
  Buffer.from(bytes).toString("hex"),
  inspect(bytes)
    .slice(inspect(bytes).indexOf("[") + 2, -2)
    .replace(/\s+/g, " "),
  [...bytes].join(","),
  Buffer.from(`ann:${SECRET}`).toString("base64"),
];

function expectNoSecret(child: Child): void {
  const output = [...child.lines, ...child.notes].join("\n");
  const found = FORMS.filter((form) => output.includes(form) || output.replace(/\s+/g, " ").includes(form));
  expect(found, output).toEqual([]);
}

test("a program that prints clients, brokers, events, messages and errors prints none of their secrets", async () => {
  const program = join(root, "test/security/programs/talkative.js");
  await using child = new Child("talkative", process.execPath, [program], {
    environment: { TALKATIVE_SECRET: SECRET },
  });
  expect(await child.code(), child.notes.join("\n")).toBe(0);
  expectNoSecret(child);
  expect(child.lines.filter((line) => line.startsWith("--- ")).length).toBeGreaterThanOrEqual(50);
});

let broker: Broker;
let port: string;
beforeAll(async () => {
  const authenticate = ({ password }: { password: Uint8Array | undefined }) =>
    new TextDecoder().decode(password) === SECRET;
  broker = await Broker.listen({ port: 0, authenticate });
  port = String(broker.port);
});
afterAll(() => broker.close());

const publish = ["-t", "a", "-m", "b"];
const hex = Buffer.from(bytes).toString("hex");
test.each<[what: string, command: CommandName, args: (port: string) => string[], fails: boolean]>([
  ["a password", "mqtt_publish", (to) => ["-d", "-p", to, "-u", "ann", "-P", SECRET, ...publish], false],
  ["a wrong password", "mqtt_publish", (to) => ["-d", "-p", to, "-u", "ann", "-P", `${SECRET}x`, ...publish], true],
  ["a password without a user", "mqtt_publish", (to) => ["-p", to, "-P", SECRET, ...publish], true],
  ["a password twice", "mqtt_publish", (to) => ["-p", to, "-u", "ann", "-P", SECRET, "-P", SECRET, ...publish], true],
  ["a URL", "mqtt_publish", (to) => ["-d", "--url", `mqtt://ann:${SECRET}@127.0.0.1:${to}`, ...publish], false],
  [
    "a URL of a server that is not reachable",
    "mqtt_publish",
    () => ["-d", "--url", `mqtt://ann:${SECRET}@127.0.0.1:1`, ...publish],
    true,
  ],
  ["an invalid URL", "mqtt_publish", () => ["-d", "--url", `mqtt//ann:${SECRET}@127.0.0.1`, ...publish], true],
  [
    "a URL combined with a host",
    "mqtt_publish",
    () => ["-h", "x", "--url", `mqtt://ann:${SECRET}@127.0.0.1`, ...publish],
    true,
  ],
  [
    "a proxy",
    "mqtt_publish",
    () => ["-d", "-h", "host.example", "--proxy", `http://ann:${SECRET}@127.0.0.1:1`, ...publish],
    true,
  ],
  ["a shared key", "mqtt_publish", (to) => ["-d", "-p", to, "--psk", hex, "--psk-identity", "ann", ...publish], true],
  ["an invalid shared key", "mqtt_publish", () => ["--psk", `${hex}x`, "--psk-identity", "ann", ...publish], true],
  [
    "a wrong password of mqtt_subscribe",
    "mqtt_subscribe",
    (to) => ["-d", "-p", to, "-u", "ann", "-P", `${SECRET}x`, "-t", "a"],
    true,
  ],
  ["a wrong password of mqtt_test", "mqtt_test", (to) => ["-d", "-p", to, "-u", "ann", "-P", `${SECRET}x`], true],
])("the commands do not print %s", async (_, command, args, fails) => {
  await using child = Child.command(command, args(port));
  expect((await child.code()) !== 0, child.notes.join("\n")).toBe(fails);
  expectNoSecret(child);
});

test("nor a password from the environment", async () => {
  const environment = { MQTT_PASSWORD: `${SECRET}x`, MQTT_PASSPHRASE: SECRET };
  await using child = Child.command("mqtt_publish", ["-d", "-p", port, "-u", "ann", ...publish], { environment });
  expect(await child.code()).not.toBe(0);
  expectNoSecret(child);
});

test("the broker's command prints no client's password, whatever clients do", async () => {
  await using child = Child.command("aiko-mqtt", ["broker", "--port", "0", "--verbose"]);
  const line = await child.said("listening on");
  const to = line.slice(line.lastIndexOf(":") + 1);
  for (const user of [["-u", "ann", "-P", SECRET], []]) {
    await using client = Child.command("mqtt_publish", ["-p", to, ...user, ...publish]);
    expect(await client.code()).toBe(0);
  }
  child.kill("SIGTERM");
  await child.ended();
  expect(child.notes.length).toBeGreaterThan(3);
  expectNoSecret(child);
});
