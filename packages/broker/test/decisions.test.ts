// What `authenticate` may answer: an identity, or a refusal with a reason, user properties and another server.
import { ReasonCode } from "@aiko/mqtt/codec";
import type { ConnectDecision, ConnectRequest } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { Bench, kept, message, subscribe } from "./bench.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("an identity", () => {
  const byUsername = ({ username }: ConnectRequest): ConnectDecision => ({ identity: username ?? "nobody" });

  test("accepts the client, and the event connected tells it", async () => {
    const bench = new Bench({ authenticate: byUsername });
    await bench.connect("c", { username: "ann" });
    expect(bench.events).toMatchObject([{ type: "connected", clientId: "c", identity: "ann" }]);
  });

  test("keeps a session from clients with another identity, which start a new one", async () => {
    const bench = new Bench({ authenticate: byUsername });
    const ann = await bench.connect("c", { ...kept, username: "ann" });
    await subscribe(ann, "a");
    ann.cut();
    const from = await bench.connect("from");
    from.send(message("a", "for ann", { qos: 1, packetIdentifier: 1 }));
    await from.expect("puback");
    const { peer: bob, connack } = await bench.introduce("c", { ...kept, username: "bob" });
    expect(connack.sessionPresent).toBe(false);
    await bob.expectNothing();
    expect(bench.hub.statistics.subscriptions).toBe(0);
    const again = await bench.introduce("c", { ...kept, username: "bob" });
    expect(again.connack.sessionPresent).toBe(true);
  });

  test.each<unknown>([
    { identity: "" },
    { identity: 7 },
    { identity: "ann", reasonCode: 0x87 },
    {},
    { data: bytes("x") },
  ])("that is not a text of its own refuses the client: %j", async (answer) => {
    const bench = new Bench({ authenticate: () => answer as ConnectDecision });
    expect((await bench.introduce("c")).connack.reasonCode).toBeGreaterThanOrEqual(0x86);
  });
});

test.each<[unknown, string]>([
  [undefined, "undefined"],
  ["ann", "a value of type string"],
  [{ id: "ann" }, "an object with id"],
  [{ identity: "" }, "an object with identity"],
  [{ reasonCode: 0x10 }, "an object with reasonCode"],
])("the answer %j refuses the client, and the event refused tells what is allowed", async (answer, what) => {
  const bench = new Bench({ authenticate: () => answer as ConnectDecision });
  await bench.introduce("c");
  expect(bench.events).toEqual([
    {
      type: "refused",
      reason:
        '"c": authenticate refused with 0x86 (Bad User Name or Password): it must answer true, false, { identity }, ' +
        `or { reasonCode } with a refusal of CONNACK, not ${what}`,
    },
  ]);
});

describe("a refusal", () => {
  const moved = {
    reasonCode: ReasonCode.SERVER_MOVED,
    reason: "the site has moved",
    userProperties: [["site", "2"]],
    serverReference: "other.example:1883",
  } as const;

  test("may have a reason, user properties and another server", async () => {
    const bench = new Bench({ authenticate: () => moved });
    const { peer, connack } = await bench.introduce("c");
    expect(connack).toMatchObject({
      reasonCode: 0x9d,
      properties: {
        reasonString: "the site has moved",
        userProperties: [["site", "2"]],
        serverReference: "other.example:1883",
      },
    });
    await peer.expectClose();
    expect(bench.events).toEqual([
      { type: "refused", reason: '"c": authenticate refused with 0x9D (Server moved): the site has moved' },
    ]);
  });

  test.each([3, 4] as const)("has the nearest return code on version %i", async (protocolVersion) => {
    const { connack } = await new Bench({ authenticate: () => moved }).introduce("c", { protocolVersion });
    expect(connack).toMatchObject({ reasonCode: 3, properties: undefined });
  });

  test("names another server only with the reason codes that allow it", async () => {
    const refusal = { ...moved, reasonCode: ReasonCode.BANNED };
    const { connack } = await new Bench({ authenticate: () => refusal }).introduce("c");
    expect(connack.properties).not.toHaveProperty("serverReference");
  });

  test.each<object>([
    { reason: 7 },
    { reason: "\u0000" },
    { userProperties: "x" },
    { userProperties: [[1, 2]] },
    { serverReference: "\ud800" },
  ])("with a property that cannot be sent, %j, is sent without it", async (wrong) => {
    const bench = new Bench({ authenticate: () => ({ reasonCode: 0x9c, ...wrong }) as ConnectDecision });
    const { peer, connack } = await bench.introduce("c");
    expect(connack).toMatchObject({ reasonCode: 0x9c });
    await peer.expectClose();
  });
});

describe("responseInformation", () => {
  const asks = { properties: { requestResponseInformation: true } };
  const information = async (options: object, fields: object = asks) =>
    (await new Bench(options).introduce("c", fields)).connack.properties?.responseInformation;

  test("is sent to clients that request it, and to no others", async () => {
    expect(await information({ responseInformation: "answers/" })).toBe("answers/");
    expect(await information({ responseInformation: "answers/" }, {})).toBeUndefined();
    expect(await information({})).toBeUndefined();
  });

  test("may depend on the client", async () => {
    const responseInformation = ({ clientId }: ConnectRequest) =>
      clientId === "c" ? `answers/${clientId}` : undefined;
    expect(await information({ responseInformation })).toBe("answers/c");
    expect(await information({ responseInformation: () => undefined })).toBeUndefined();
  });

  test.each([
    () => {
      throw new Error("no");
    },
    () => 7,
    () => "\ud800",
    () => "x".repeat(65_536),
  ])("that fails refuses the client with Server unavailable: %s", async (responseInformation) => {
    const bench = new Bench({ responseInformation: responseInformation as () => string });
    const { connack } = await bench.introduce("c", asks);
    expect(connack.reasonCode).toBe(0x88);
    expect(bench.events).toMatchObject([{ type: "refused", reason: expect.stringContaining("responseInformation") }]);
    expect(bench.hub.statistics.sessions).toBe(0);
  });
});

describe("maximumKeepAlive before MQTT 5", () => {
  test.each([3, 4] as const)(
    "refuses version %i with return code 2 if the client asks for more, or for none",
    async (version) => {
      for (const keepAlive of [0, 31]) {
        const bench = new Bench({ maximumKeepAlive: 30 });
        const { peer, connack } = await bench.introduce("c", { protocolVersion: version, keepAlive });
        expect(connack.reasonCode).toBe(2);
        await peer.expectClose();
        expect(bench.events).toEqual([
          { type: "refused", reason: `"c": keep-alive ${keepAlive} exceeds maximumKeepAlive` },
        ]);
      }
      const bench = new Bench({ maximumKeepAlive: 30 });
      expect((await bench.introduce("c", { protocolVersion: version, keepAlive: 30 })).connack.reasonCode).toBe(0);
    },
  );
});
