import { connect, createClient, RefusedError } from "@aiko/mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child, run } from "../fixtures/child.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const user = { name: "kitchen", password: "correct horse" };
const wrong = "battery staple";

let mosquitto: Mosquitto;
beforeAll(async () => {
  mosquitto = await Mosquitto.start({ user });
});
afterAll(() => mosquitto[Symbol.asyncDispose]());

test.each([3, 4, 5, "auto"] as const)("version %s: the right password is accepted", async (protocolVersion) => {
  const options = { protocolVersion, username: user.name, password: user.password };
  await using client = await connect(mosquitto.url, options);
  await client.publish("a", "b", { qos: 1 });
});

test.each([
  [3, 5],
  [4, 5],
  [5, 135],
  ["auto", 135],
] as const)("version %s: a wrong password is refused with %i, and not retried", async (protocolVersion, reasonCode) => {
  await using server = await Mosquitto.start({ user });
  const clientId = `wrong-${protocolVersion}`;
  const client = createClient(server.url, { protocolVersion, clientId, username: user.name, password: wrong });
  const attempt = client.connect();
  await expect(attempt).rejects.toBeInstanceOf(RefusedError);
  await expect(attempt).rejects.toMatchObject({ code: "CONNECT_REFUSED", reasonCode });
  await expect(attempt).rejects.toThrow(clientId);
  await expect(attempt).rejects.not.toThrow(wrong);
  expect(client.statistics.connections).toBe(0);
  expect(await attemptsAt(server, user.password)).toBe(1);
  await client.disconnect();
});

test("a refusal after a reconnection is retried", async () => {
  await using server = await Mosquitto.start({ user });
  const options = { username: user.name, password: user.password, reconnect: { initialDelay: 50, maximumDelay: 200 } };
  await using client = await connect(server.url, options);
  const refused = new Promise<void>((resolve) =>
    client.on("reconnecting", ({ error }) => {
      if (error.code === "CONNECT_REFUSED") resolve();
    }),
  );
  await server.kill();
  await server.changePassword(user.name, wrong);
  await server.startAgain();
  await refused;
  const back = new Promise((resolve) => client.on("connected", resolve));
  await server.kill();
  await server.changePassword(user.name, user.password);
  await server.startAgain();
  await back;
});

test("a refusal after a reconnection closes the client with maximumRefusal 0", async () => {
  await using server = await Mosquitto.start({ user });
  const reconnect = { initialDelay: 50, maximumDelay: 200, maximumRefusal: 0 };
  const options = { username: user.name, password: user.password, reconnect };
  const client = await connect(server.url, options);
  const closed = new Promise<unknown>((resolve) => client.on("closed", ({ error }) => resolve(error)));
  await server.kill();
  await server.changePassword(user.name, wrong);
  await server.startAgain();
  expect(await closed).toMatchObject({ name: "RefusedError", code: "CONNECT_REFUSED", reasonCode: 135 });
  expect(await attemptsAt(server, wrong)).toBe(1);
});

test.each([
  ["-P", ["-P", wrong], {}],
  ["MQTT_PASSWORD", [], { MQTT_PASSWORD: wrong }],
])(
  "the commands report in one line that the password of %s is refused, and do not show it",
  async (_, args, environment) => {
    const server = ["-p", String(mosquitto.port), "-u", user.name, "-d", ...args];
    for (const child of [
      Child.command("mqtt_publish", [...server, "-t", "a", "-m", "b"], { environment }),
      Child.command("mqtt_subscribe", [...server, "-t", "a"], { environment }),
      Child.command("mqtt_test", [...server, "localhost"], { environment }),
    ]) {
      const { code, lines, notes } = await run(child);
      expect(code).toBe(1);
      const warnings = child.complaints.filter((line) => line.includes("warning: other users of this machine can see"));
      expect(warnings).toHaveLength(args.length > 0 ? 1 : 0);
      expect(child.complaints).toHaveLength(1 + warnings.length);
      expect([...lines, ...notes].join("\n")).not.toContain(wrong);
    }
  },
);

test("the commands take the password from -P and from the environment", async () => {
  const args = ["-p", String(mosquitto.port), "-u", user.name, "-t", "a", "-m", "b", "-q", "1"];
  const environment = { MQTT_PASSWORD: user.password };
  expect(await run(Child.command("mqtt_publish", [...args, "-P", user.password]))).toMatchObject({ code: 0 });
  expect(await run(Child.command("mqtt_publish", args, { environment }))).toMatchObject({ code: 0 });
  const withUrl = ["--url", mosquitto.url.replace("//", `//${user.name}@`), "-t", "a", "-m", "b"];
  expect(await run(Child.command("mqtt_publish", withUrl, { environment }))).toMatchObject({ code: 0 });
});

/** The number of connections in its log since the last start. The log is complete when it has one more. */
async function attemptsAt(server: Mosquitto, password: string): Promise<number> {
  await using _ = await connect(server.url, { clientId: "last", username: user.name, password });
  await server.logged(" as last (");
  return server.log.filter((line) => line.includes("New connection from")).length - 1;
}
