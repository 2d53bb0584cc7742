// Before MQTT 5 a server does not tell when a session expires: how both clients treat a session that may have expired.
import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

const HOUR = 3_600_000;

describe.each(clients)("the $name client", ({ createBench }) => {
  /** A QoS 2 message is in flight when the connection is lost; then time passes, and a CONNECT may stay unanswered. */
  async function lostFor(milliseconds: number, unanswered: boolean) {
    const { bench, client, peer } = await createBench().online({ protocolVersion: 4, cleanStart: false });
    const outcome = watch(client.publish("a", "", { qos: 2 }));
    await peer.expect("publish");
    peer.cut();
    await bench.clock.sleep(milliseconds);
    if (unanswered) {
      const late = await bench.passing(bench.server.next());
      await late.expect("connect");
      late.cut();
    }
    return { bench, client, outcome, again: await bench.acceptAgain({ sessionPresent: true }) };
  }

  test("on 3.1.1 a QoS 2 message fails if the session may have expired and a late CONNECT may have started another", async () => {
    const { bench, client, outcome, again } = await lostFor(HOUR, true);
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ code: "SESSION_LOST" });
    // If the server kept the session, it may still hold the identifier: the client releases it before the next message
    // uses one.
    watch(client.publish("b", "", { qos: 2 }));
    await bench.clock.tick();
    const types = again.received.map(({ type }) => type);
    expect(types).toContain("pubrel");
    expect(types).not.toContain("publish");
  });

  test.each([
    ["within the hour", HOUR - 60_000, true],
    ["if every CONNECT was answered", 2 * HOUR, false],
  ])("on 3.1.1 a QoS 2 message is resent %s", async (_, milliseconds, unanswered) => {
    const { outcome, again } = await lostFor(milliseconds, unanswered);
    expect(await again.expect("publish")).toMatchObject({ topic: "a", qos: 2, dup: true });
    expect(outcome.settled).toBe(0);
  });
});
