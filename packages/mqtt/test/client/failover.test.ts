import { TransportError } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

const servers = ["mqtt://one", "mqtt://two", "mqtt://three"];

test("the first connection goes to the first server that accepts the client", async () => {
  const bench = new Bench((attempt) => ({ refused: attempt === 0 }));
  const client = bench.create({}, servers);
  const connecting = client.connect();
  await bench.accept({ reasonCode: 0x89 });
  await bench.accept();
  expect(await connecting).toMatchObject({ server: "mqtt://three:1883" });
  expect(bench.dialled).toEqual(["one", "two", "three"]);
});

test("if no server accepts the client, the last server's error is reported after each was tried once", async () => {
  const bench = new Bench(() => ({ refused: true }));
  await expect(bench.create({}, servers).connect()).rejects.toMatchObject({ message: expect.stringMatching(/three/) });
  expect(bench.dialled).toEqual(["one", "two", "three"]);
});

test("the last server's error also summarises the earlier errors", async () => {
  const bench = new Bench();
  const dial = async ({ host }: { host: string }): Promise<never> => {
    if (host === "one") throw new TransportError("TLS_FAILED", `mqtts://one: ${"not trusted ".repeat(100)}`);
    throw new TransportError("CONNECTION_FAILED", `cannot connect to ${host}`, { cause: "the network" });
  };
  const client = bench.create({ platform: { ...bench.platform, dial } }, servers);
  const error: Error = await client.connect().then(Promise.reject, (thrown) => thrown);
  expect(error).toMatchObject({ name: "TransportError", code: "CONNECTION_FAILED", cause: "the network" });
  expect(error.message).toMatch(
    /^cannot connect to three; previous attempts: mqtts:\/\/one: (not trusted ){10,20}.{0,12}… \(TLS_FAILED\); cannot connect to two \(CONNECTION_FAILED\)$/,
  );
});

test("of many servers a few are listed, with the number of the others", async () => {
  const bench = new Bench(() => ({ refused: true }));
  const many = Array.from({ length: 50 }, (_, i) => `mqtt://s${i}`);
  const error: Error = await bench
    .create({}, many)
    .connect()
    .then(Promise.reject, (thrown) => thrown);
  expect(error.message).toMatch(/s49.*; previous attempts: .*s0.*s3.*; and 45 more$/);
  expect(error.message).not.toMatch(/s4:/);
});

test("a refusal keeps its class, code, reason code, and the server's reason string", async () => {
  const bench = new Bench((attempt) => ({ refused: attempt === 0 }));
  const outcome = watch(bench.create({}, ["mqtt://one", "mqtt://two"]).connect());
  await bench.accept({ reasonCode: 0x87, properties: { reasonString: "go away", userProperties: [["a", "b"]] } });
  expect(outcome.error).toMatchObject({
    name: "RefusedError",
    code: "CONNECT_REFUSED",
    reasonCode: 0x87,
    reasonString: "go away",
    userProperties: [["a", "b"]],
    message: expect.stringMatching(/two.*"go away"; previous attempts: one:1883 refused.* \(CONNECTION_FAILED\)$/),
  });
});

test("an error object that a dial throws repeatedly does not grow", async () => {
  const bench = new Bench();
  const same = new TransportError("CONNECTION_FAILED", "no modem");
  const client = bench.create({ platform: { ...bench.platform, dial: () => Promise.reject(same) } }, servers);
  const messages = new Set<string>();
  for (let i = 0; i < 3; i++) await client.connect().catch((error: Error) => messages.add(error.message));
  expect(messages.size).toBe(1);
  expect(same.message).toBe("no modem");
});

test("a lost connection is re-established with the same server first, then with the next ones", async () => {
  const { bench, client, peer } = await new Bench((attempt) => ({ refused: attempt === 1 || attempt === 2 })).online(
    {},
    {},
    servers,
  );
  await bench.reconnected(peer);
  expect(bench.dialled).toEqual(["one", "one", "two", "three"]);
  expect(client.connected).toBe(true);
});

test("a server that accepts only an older version does not stop a client that supports all versions", async () => {
  const bench = new Bench();
  const { client, peer: five } = await bench.online({ protocolVersion: "auto" }, {}, ["mqtt://five", "mqtt://four"]);
  five.cut();
  const gone = await bench.passing(bench.server.next());
  gone.cut();
  const refuser = await bench.passing(bench.server.next());
  expect(await refuser.expect("connect")).toMatchObject({ protocolVersion: 5 });
  refuser.send(Uint8Array.of(0x20, 2, 0, 1));
  const four = await bench.acceptAgain();
  expect(four.received[0]).toMatchObject({ protocolVersion: 4 });
  await bench.clock.tick();
  expect(client.connected).toBe(true);
});
