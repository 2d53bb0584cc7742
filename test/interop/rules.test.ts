// Compares our rules with mosquitto: both run the cases of the broker's rules with the same acl_file.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect } from "@aiko/mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Deed, ruleCases } from "../../packages/broker/test/rules/rule-cases.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

type Transfer = Extract<Deed, { readonly reads: string } | { readonly writes: string }>;

/**
 * Cases that mosquitto can run: the test's own user adds rules, so no file is empty, and a client cannot publish below
 * $SYS.
 */
const cases = ruleCases.flatMap(({ title, rules, user, clientId, does, allowed }) => {
  const isTransfer = "reads" in does || "writes" in does;
  if (typeof rules !== "string" || !isTransfer || JSON.stringify(does).includes("$SYS")) return [];
  return [{ title, acl: rules, user, clientId: clientId ?? "c", does: does as Transfer, allowed }];
});

/** Where mosquitto decides otherwise. `docs/broker/rules.md` has the reasons. */
const otherwise: ReadonlySet<string> = new Set([
  "a separator in a name does not add levels",
  "deny in a pattern wins over a topic",
  "a pattern without placeholders holds for every name",
]);

const ADMIN = "user admin\ntopic readwrite #";
const acls = [...new Set(cases.map(({ acl }) => acl))];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiko-mqtt-rules-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("most cases are compared", () => {
  expect(cases.length).toBeGreaterThan(30);
});

describe.each(acls)("%j", (acl) => {
  let mosquitto: Mosquitto;
  let admin: Client;
  const clients: Client[] = [];
  beforeAll(async () => {
    const file = join(folder, "acl");
    await writeFile(file, `${acl}\n${ADMIN}\n`);
    mosquitto = await Mosquitto.start({ config: [`acl_file ${file}`] });
    admin = await connect(mosquitto.url, { username: "admin", clientId: "admin" });
  });
  afterAll(async () => {
    await admin.disconnect();
    await mosquitto[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.disconnect();
  });

  test.each(cases.filter((each) => each.acl === acl))("$title", async ({ title, user, clientId, does, allowed }) => {
    const version = "version" in does ? does.version : undefined;
    const client = await connect(mosquitto.url, { username: user, clientId, protocolVersion: version ?? 5 });
    clients.push(client);
    const isTransferred = "writes" in does ? await publishes(client, does) : await receives(client, does);
    expect(isTransferred).toBe(otherwise.has(title) ? !allowed : allowed);
  });

  async function publishes(client: Client, { writes, qos = 1 }: Extract<Deed, { writes: string }>): Promise<boolean> {
    const heard: string[] = [];
    const subscription = await admin.subscribe("#", { qos: 1, onMessage: ({ topic }) => void heard.push(topic) });
    await client.publish(writes, "x", { qos }).catch(() => undefined);
    if (qos === 0) await client.publish("after", "x", { qos: 1 }).catch(() => undefined);
    await admin.publish("end", "x", { qos: 1 });
    await expect.poll(() => heard).toContain("end");
    await subscription.unsubscribe();
    return heard.includes(writes);
  }

  async function receives(client: Client, { reads, by }: Extract<Deed, { reads: string }>): Promise<boolean> {
    const got: string[] = [];
    await client.subscribe(by, { qos: 1, onMessage: ({ topic }) => void got.push(topic) });
    await admin.publish(reads, "x", { qos: 1 });
    await client.subscribe("answer/only", { onMessage: () => undefined });
    await new Promise((resolve) => setImmediate(resolve));
    return got.includes(reads);
  }
});
