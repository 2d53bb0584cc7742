// Each case of rule-cases.ts, through a broker and our client.
import { type Client, connect, type Message, platform, type Transport, UsageError } from "@aiko/mqtt";
import { memoryPair } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import { parseMosquittoAcl } from "../../src/rules/mosquitto-acl.ts";
import { Rules } from "../../src/rules/rules.ts";
import { rulesHooks } from "../../src/rules/rules-hooks.ts";
import { type RuleCase, ruleCases } from "./rule-cases.ts";

test("there are at least 60 cases", () => {
  expect(new Set(ruleCases.map(({ title }) => title)).size).toBe(ruleCases.length);
  expect(ruleCases.length).toBeGreaterThanOrEqual(60);
});

test.each(ruleCases)("$title ($from)", async (each) => {
  const { broker, client } = await started(each);
  expect(await outcome(broker, client, each)).toBe(each.allowed);
});

interface Started {
  readonly broker: Broker;
  readonly client: Client;
}

async function started({ rules: given, user, clientId = "c", does }: RuleCase): Promise<Started> {
  const { rules, problems } =
    typeof given === "string" ? parseMosquittoAcl(given, "acl") : { rules: given, problems: [] };
  expect(problems).toEqual([]);
  const broker = await Broker.listen({
    listeners: [],
    authenticate: ({ username }) => (username === undefined ? true : { identity: username }),
    ...rulesHooks(new Rules(rules)).hooks,
  });
  onTestFinished(() => broker.close());
  const dial = async (): Promise<Transport> => {
    const [near, far] = memoryPair(platform.clock);
    broker.accept(far);
    return near;
  };
  const will = "wills" in does ? { topic: does.wills, payload: "gone" } : undefined;
  const protocolVersion = ("version" in does ? does.version : undefined) ?? 5;
  const options = { dial, clientId, protocolVersion, username: user, will, reconnect: false } as const;
  const client = await connect("mqtt://broker", options);
  onTestFinished(() => client.disconnect());
  return { broker, client };
}

async function outcome(broker: Broker, client: Client, { does }: RuleCase): Promise<boolean> {
  if ("subscribes" in does) return isGranted(client, does.subscribes, () => undefined);
  if ("writes" in does || "wills" in does) {
    const heard: string[] = [];
    broker.subscribe(["#", "$SYS/#"], ({ topic }) => void heard.push(topic));
    if ("writes" in does) await client.publish(does.writes, "x", { qos: does.qos ?? 1 }).catch(() => undefined);
    else broker.clients.get("c")?.disconnect();
    await answered(client);
    return heard.includes("writes" in does ? does.writes : does.wills);
  }
  const topic = "retained" in does ? does.retained : does.reads;
  if ("retained" in does) broker.publish(topic, "x", { retain: true });
  const got: string[] = [];
  await isGranted(client, does.by, (message) => void got.push(message.topic));
  if ("reads" in does) broker.publish(topic, "x");
  await answered(client);
  return got.includes(topic);
}

async function isGranted(client: Client, filter: string, onMessage: (message: Message) => void): Promise<boolean> {
  return client.subscribe(filter, { qos: 1, onMessage }).then(
    () => true,
    () => false,
  );
}

/** After an answer of the broker, which follows everything that it has sent before; or after the connection. */
async function answered(client: Client): Promise<void> {
  const answer = await client.subscribe("answer/only", { onMessage: () => undefined }).catch((error: unknown) => error);
  if (answer instanceof UsageError) throw answer;
  await new Promise((resolve) => setImmediate(resolve));
}
