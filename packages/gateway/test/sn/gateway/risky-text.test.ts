// Text for which a server may close the connection is refused wherever a client can give one.
import { describe, expect, test } from "vitest";
import { bytes, Network } from "./network.ts";

const risky = ["\u0000", "\u0001", "\u001f", "\u007f", "\u009f", "\ufdd0", "\uffff", "\u{1fffe}", "\u{10ffff}"];

describe.each(risky)("the character %j", (character) => {
  test("is refused in an identifier, a topic name, a filter and a will", async () => {
    const network = new Network();
    const device = network.device();
    expect(await device.connect({ clientId: `a${character}` })).toEqual(["connack 3"]);
    expect(await device.connect({ will: true })).toEqual(["willtopicreq"]);
    const will = { topic: `a${character}`, qos: 0, retain: false } as const;
    expect(await device.send({ type: "willtopic", will })).toEqual(["connack 3"]);
    expect(await device.connect()).toEqual(["connack 0"]);
    expect(await device.register(`a${character}`, 1)).toEqual(["regack 0 #1 3"]);
    expect(await device.subscribe(`a${character}/#`, 0, 2)).toEqual(["suback 0 #2 3 qos 0"]);
    expect(await device.send({ type: "willtopicupd", will })).toEqual(["willtopicresp 3"]);
  });
});

test("a short name with a control character is no topic", async () => {
  const network = new Network();
  const topic = { kind: "short", name: "a\u0001" } as const;
  const alone = { topic, messageId: 0, qos: -1, dup: false, retain: true, data: bytes("x") } as const;
  await network.device().send({ type: "publish", ...alone });
  expect(network.dropped).toEqual(["topic"]);
  expect(network.uplink.published).toEqual([]);
});

test.each(["\ufeff", "\u{1f600}", "\u00a0"])("the character %j is not", async (character) => {
  const device = new Network().device();
  expect(await device.connect({ clientId: `a${character}` })).toEqual(["connack 0"]);
  expect(await device.register(`a${character}`, 1)).toEqual(["regack 1 #1 0"]);
});
