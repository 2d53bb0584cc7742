// Two clients with one identifier: the Lua library's only "known problem". On MQTT 5, newer servers inform the first
// client of the takeover. Older servers (such as mosquitto 2.0.11) and older protocols only close the connection: then
// one of the two clients recognises the pattern.
import { type ClientEvents, createClient } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child } from "../fixtures/child.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

let mosquitto: Mosquitto;
let broker: Broker;
let accepted: string[] = [];
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
  broker = await Broker.listen({ port: 0 });
  broker.on("connected", ({ clientId }) => accepted.push(clientId));
  accepted = [];
});
afterAll(async () => {
  await mosquitto[Symbol.asyncDispose]();
  await broker.close();
});

const servers = {
  mosquitto: () => ({
    url: mosquitto.url,
    connectionsOf: (clientId: string) =>
      mosquitto.log.filter((line) => line.includes("New client connected") && line.includes(` as ${clientId} (`))
        .length,
  }),
  "the embedded broker": () => ({
    url: broker.url,
    connectionsOf: (clientId: string) => accepted.filter((each) => each === clientId).length,
  }),
};
const names = Object.keys(servers) as (keyof typeof servers)[];

test("version 5 and a server that reports it: the first client is informed at once, with the name, and after a few rounds one is closed", async () => {
  const { url, connectionsOf } = servers["the embedded broker"]();
  const clientId = "twin";
  const options = { clientId, protocolVersion: 5, reconnect: { initialDelay: 50, maximumDelay: 200 } } as const;
  const clients = [createClient(url, options), createClient(url, options)] as const;
  const [first, second] = clients;
  const takenOver = new Promise<ClientEvents["takenOver"]>((resolve) => first.on("takenOver", resolve));
  const ends = clients.map((client) => new Promise<ClientEvents["closed"]>((resolve) => client.on("closed", resolve)));
  await first.connect();
  await second.connect();

  expect(await takenOver).toMatchObject({ clientId, error: { code: "TAKEN_OVER", reasonCode: 0x8e } });
  expect((await Promise.race(ends)).error?.message).toContain('"twin"');
  expect(connectionsOf(clientId)).toBeLessThan(10); // each may reconnect three times in its first minute
  for (const client of clients) await client.disconnect();
});

test.each(names.flatMap((server) => ([3, 4, 5] as const).map((version) => ({ server, version }))))(
  "$server, version $version: one of two clients soon reports the other, with the name",
  async ({ server, version }) => {
    const { url, connectionsOf } = servers[server]();
    const clientId = `client-${version}`;
    const clients = [1, 2].map(() => createClient(url, { clientId, protocolVersion: version }));
    const heard = Promise.race(
      clients.map(
        (client) =>
          new Promise<ClientEvents["takenOver"]>((resolve) =>
            client.on("takenOver", (event) => {
              void client.disconnect();
              resolve(event);
            }),
          ),
      ),
    );
    for (const client of clients) await client.connect();
    const event = await heard;
    expect(event).toMatchObject({ clientId, error: { code: "TAKEN_OVER" } });
    expect(event.error.message).toContain(`"${clientId}"`);
    expect(connectionsOf(clientId)).toBeLessThan(8);
    for (const client of clients) await client.disconnect();
  },
);

test.each(names.flatMap((server) => ["31", "311", "5", "auto"].map((version) => ({ server, version }))))(
  "$server, mqtt_subscribe -V $version: one reports it, with the name, and ends; the other stays",
  async ({ server, version }) => {
    const { url, connectionsOf } = servers[server]();
    const id = `sub-${version}`;
    const topic = `take-over/${version}`;
    const args = ["--url", url, "-t", topic, "-i", id, "-V", version];
    await using first = await Child.subscriber(args);
    await using second = await Child.subscriber(args);
    const loser = await Promise.race([first, second].map((child) => child.ended().then(() => child)));
    const winner = loser === first ? second : first;
    expect(loser.complaints.at(-1)).toContain(`"${id}"`);
    expect(await loser.code()).toBe(1);
    await using publisher = Child.command("mqtt_publish", ["--url", url, "-t", topic, "-m", "x", "-r"]);
    expect(await publisher.code()).toBe(0);
    await winner.said(`Topic: ${topic}, message: 'x'`);
    winner.kill("SIGINT");
    expect(await winner.code()).toBe(0);
    expect(connectionsOf(id)).toBeLessThan(8);
  },
);
