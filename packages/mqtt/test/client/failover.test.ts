import { expect, test } from "vitest";
import { Bench } from "./bench.ts";

const servers = ["mqtt://one", "mqtt://two", "mqtt://three"];

test("the first connection goes to the first server that takes the client", async () => {
  const bench = new Bench((attempt) => ({ refused: attempt === 0 }));
  const client = bench.create({}, servers);
  const connecting = client.connect();
  await bench.accept({ reasonCode: 0x89 });
  await bench.accept();
  expect(await connecting).toMatchObject({ server: "mqtt://three:1883" });
  expect(bench.dialled).toEqual(["one", "two", "three"]);
});

test("with no server that takes it, the last one's error is told, each having been tried once", async () => {
  const bench = new Bench(() => ({ refused: true }));
  await expect(bench.create({}, servers).connect()).rejects.toMatchObject({ message: /three/ });
  expect(bench.dialled).toEqual(["one", "two", "three"]);
});

test("a lost connection is taken up at the same server, then at the next ones", async () => {
  const bench = new Bench((attempt) => ({ refused: attempt === 1 || attempt === 2 }));
  const client = bench.create({}, servers);
  const connecting = client.connect();
  const peer = await bench.accept();
  await connecting;
  peer.cut();
  await bench.acceptAgain();
  expect(bench.dialled).toEqual(["one", "one", "two", "three"]);
  expect(client.connected).toBe(true);
});

test("a server that takes only an older version is no dead end for a client that speaks them all", async () => {
  const bench = new Bench();
  const client = bench.create({ protocolVersion: "auto" }, ["mqtt://five", "mqtt://four"]);
  const connecting = client.connect();
  const five = await bench.accept();
  await connecting;
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
