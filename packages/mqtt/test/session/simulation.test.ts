import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Inbox, type Plan, World } from "./simulation.ts";

const plans = (crashes: boolean): fc.Arbitrary<Plan> =>
  fc.record({
    seed: fc.nat(2 ** 31 - 1),
    version: fc.constantFrom(3, 4, 5),
    clientReceiveMaximum: fc.constantFrom(1, 2, 3, 10, 65_535),
    serverReceiveMaximum: fc.constantFrom(1, 2, 3, 10, 65_535),
    crashes: fc.constant(crashes),
    steps: fc.integer({ min: 20, max: 150 }),
  });

/** The numbers of the messages of one QoS, in the order of their first delivery. */
function firstSeen(inbox: Inbox, qos: number): number[] {
  return [...new Set(inbox.entries.filter((entry) => entry.qos === qos).map(numberOf))];
}

function numberOf({ topic }: { topic: string }): number {
  return Number(topic.split("/").at(-1));
}

function check(world: World): void {
  expect(world.faults).toEqual([]);
  for (const [sent, inbox] of [
    [world.sentByClient, world.serverInbox],
    [world.sentByServer, world.clientInbox],
  ] as const) {
    const counted = inbox.entries.filter(({ qos, counts }) => qos === 2 && counts).map(numberOf);
    expect(counted, "QoS 2 none twice").toHaveLength(new Set(counted).size);
    for (const qos of [1, 2]) {
      const seen = firstSeen(inbox, qos);
      expect(seen, `QoS ${qos} in order`).toEqual([...seen].sort((a, b) => a - b));
      const all = new Set(qos === 2 ? counted : seen);
      const lost = [...sent.values()].filter((message) => message.qos === qos && !all.has(numberOf(message)));
      expect(
        lost.map(({ topic }) => topic),
        `QoS ${qos} lost`,
      ).toEqual([]);
    }
    const outcomes = [...sent.values()].filter(({ qos }) => qos > 0).map(({ outcomes }) => outcomes);
    expect(
      outcomes.filter(([outcome, ...more]) => outcome !== 0 || more.length > 0),
      "settled once, well",
    ).toEqual([]);
    for (const { qos, outcomes: settled } of sent.values()) if (qos === 0) expect(settled).toHaveLength(1);
  }
}

describe("over links that are cut, slow, fragmenting or half-open, no message is lost, duplicated or out of order:", () => {
  test.each([
    ["while both processes run", false, 250],
    ["while the client is killed again and again", true, 250],
  ])("%s", async (_, crashes, numRuns) => {
    let [connections, killed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(plans(crashes), async (plan) => {
        const world = new World(plan);
        await world.run();
        check(world);
        connections += world.connections;
        killed += world.crashes;
      }),
      { numRuns },
    );
    expect(connections).toBeGreaterThan(numRuns * 3);
    if (crashes) expect(killed).toBeGreaterThan(numRuns / 4);
  });
});
