import type { Client } from "@aiko/mqtt";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { Bench, message, watch } from "./bench.ts";

/** Lets this many seconds pass, with a keep-alive of ten, and answers every PINGREQ. */
async function pingingFor(seconds: number, bench: Bench, peer: ScriptedPeer): Promise<void> {
  const pings = (): number => peer.received.filter(({ type }) => type === "pingreq").length;
  let answered = pings();
  for (let passed = 0; passed < seconds && !peer.isClosed; passed++) {
    await bench.clock.advance(1_000);
    for (; answered < pings(); answered++) await bench.answer(peer, "pingreq");
  }
}

/** The errors that ended connections of the client. */
function lossesOf(client: Client): unknown[] {
  const losses: unknown[] = [];
  client.on("disconnected", ({ error }) => losses.push(error));
  return losses;
}

const overdue = {
  name: "TimeoutError",
  code: "ANSWER_TIMEOUT",
  message: expect.stringMatching(/not acknowledged the message for "a"/),
};

test("a message that a responding server never acknowledges is resent over another connection, and settles there", async () => {
  const { bench, client, peer } = await new Bench().online({ keepAlive: 10, acknowledgeTimeout: 60_000 });
  const losses = lossesOf(client);
  const pending = watch(client.publish("a", "b", { qos: 1 }));
  const publish = await peer.expect("publish");
  await pingingFor(59, bench, peer);
  expect(losses).toEqual([]);
  await pingingFor(30, bench, peer);
  expect(losses).toMatchObject([overdue]);
  expect(pending.settled).toBe(0);

  const next = await bench.acceptAgain({ sessionPresent: true });
  expect(await next.expect("publish")).toMatchObject({ dup: true, packetIdentifier: publish.packetIdentifier });
  await bench.deliver(next, { type: "puback", packetIdentifier: publish.packetIdentifier, reasonCode: 0 });
  expect(pending).toMatchObject({ settled: 1, value: { qos: 1 } });
});

test("PUBREC without PUBCOMP also ends the connection; each step has its own time limit", async () => {
  const { bench, client, peer } = await new Bench().online({ keepAlive: 10, acknowledgeTimeout: 60_000 });
  const losses = lossesOf(client);
  watch(client.publish("a", "b", { qos: 2 }));
  const { packetIdentifier } = await peer.expect("publish");
  await pingingFor(50, bench, peer);
  peer.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
  await peer.expect("pubrel");
  await pingingFor(59, bench, peer);
  expect(losses).toEqual([]);
  await pingingFor(30, bench, peer);
  expect(losses).toMatchObject([overdue]);
});

test("messages that are acknowledged one after the other do not time out, however long all of them take", async () => {
  const { bench, client, peer } = await new Bench().online({ keepAlive: 10, acknowledgeTimeout: 60_000 });
  const losses = lossesOf(client);
  const pending = Array.from({ length: 10 }, () => watch(client.publish("a", "b", { qos: 1 })));
  const published = [];
  for (const _ of pending) published.push(await peer.expect("publish"));
  for (const { packetIdentifier } of published) {
    await pingingFor(45, bench, peer);
    peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  }
  await bench.clock.tick();
  expect(losses).toEqual([]);
  expect(pending.every(({ settled }) => settled === 1)).toBe(true);
});

test("a slow link is not the server's fault: bytes that it may not have read yet do not count", async () => {
  const { bench, client, peer } = await new Bench().online({ keepAlive: 10, acknowledgeTimeout: 60_000 });
  const losses = lossesOf(client);
  watch(client.publish("a", "b", { qos: 1 }));
  await peer.expect("publish");
  // It sends, and therefore is alive, but answers no request.
  for (let i = 0; i < 300; i++) {
    peer.send(message("x", ""));
    await bench.clock.advance(1_000);
  }
  expect(losses).toEqual([]);
});

test("the default is five minutes", async () => {
  const { bench, client, peer } = await new Bench().online({ keepAlive: 10 });
  const losses = lossesOf(client);
  watch(client.publish("a", "b", { qos: 1 }));
  await peer.expect("publish");
  await pingingFor(299, bench, peer);
  expect(losses).toEqual([]);
  await pingingFor(30, bench, peer);
  expect(losses).toMatchObject([overdue]);
});
