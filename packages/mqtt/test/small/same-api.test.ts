// Who outgrows the small client changes an import: what it is given and what it gives is the whole client's, to the compiler too.
import * as whole from "@aiko/mqtt";
import * as small from "@aiko/mqtt/small";
import { expect, expectTypeOf, test } from "vitest";
import { Bench, message } from "../client/bench.ts";

test("the whole library's functions are taken where the small one's are", () => {
  const connect: typeof small.connect = whole.connect;
  const createClient: typeof small.createClient = whole.createClient;
  expect([connect, createClient]).toEqual([whole.connect, whole.createClient]);
  expectTypeOf<whole.Client>().toExtend<small.SmallClient>();
  expectTypeOf<small.SmallOptions>().toExtend<whole.ConnectOptions>();
  expectTypeOf<small.SmallSubscribeOptions>().toExtend<whole.SubscribeOptions>();
  expectTypeOf<whole.Subscription>().toExtend<small.SmallSubscription>();
});

test("errors are of the same classes, so that instanceof holds for both", () => {
  const classes = Object.entries(small).filter(([name]) => name.endsWith("Error"));
  expect(classes).toHaveLength(9);
  expect(whole).toMatchObject(Object.fromEntries(classes));
});

test.each([
  ["small", small.createClient],
  ["whole", whole.createClient],
] as const)("one program runs on both: %s", async (_name, createClient: typeof small.createClient) => {
  const bench = new Bench();
  const client = createClient("mqtt://server", { platform: bench.platform, protocolVersion: 5, keepAlive: 0 });
  const events: string[] = [];
  client.on("connected", ({ server }) => events.push(server));
  client.on("closed", ({ error }) => events.push(`closed ${error}`));
  const connecting = client.connect();
  const peer = await bench.accept();
  await connecting;
  const subscribing = client.subscribe("a/+", { qos: 1 });
  const { packetIdentifier } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: [1] });
  const subscription = await bench.passing(subscribing);
  peer.send(message("a/b", "hello", 1, 1));
  await bench.clock.tick();
  for await (const each of subscription) {
    expect([each.topic, each.text(), each.qos]).toEqual(["a/b", "hello", 1]);
    break;
  }
  await peer.expect("puback");
  const left = await peer.expect("unsubscribe");
  peer.send({ type: "unsuback", packetIdentifier: left.packetIdentifier, reasonCodes: [0] });
  const publishing = client.publish("a/c", "", { qos: 1 });
  const sent = await peer.expect("publish");
  peer.send({ type: "puback", packetIdentifier: sent.packetIdentifier, reasonCode: 0x10 });
  expect(await bench.passing(publishing)).toMatchObject({ qos: 1, reasonCode: 0x10 });
  await bench.passing(client.disconnect());
  expect(events).toEqual(["mqtt://server:1883", "closed undefined"]);
});
