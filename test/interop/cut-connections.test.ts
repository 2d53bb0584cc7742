// 10,000 messages through mosquitto while the publisher's connection is cut 50 times. The subscriber is direct and not
// cut: mosquitto, as the sender, may itself repeat a QoS 2 message after quick reconnections.
import { setImmediate } from "node:timers/promises";
import { connect } from "@aiko/mqtt";
import { SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { type Fate, UNHURT } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const messages = 10_000;
const cuts = 50;
const seed = Number(process.env["SEED"] ?? 20_120_601);
// 20 is mosquitto's default; inflight-limits.test.ts covers it. The queue of the subscriber must have room for all of
// them.
const limits = ["max_inflight_messages 20", "max_queued_messages 0"];
/**
 * At QoS 0: the number of messages that are awaited at a time, so that the connection is cut between messages and not
 * after all of them.
 */
const batch = 50;
/** Bytes, in both directions together, that pass through a connection before it may be cut. */
const SHORTEST = 100;

const cases = ([4, 5] as const).flatMap((version) => ([0, 1, 2] as const).map((qos) => ({ version, qos })));

test.each(cases)(
  `version $version, QoS $qos: ${messages} messages, ${cuts} cuts (SEED=${seed})`,
  async ({ version, qos }) => {
    await using mosquitto = await Mosquitto.start({ config: limits });
    // Each message takes at least this many bytes on the wire, including acknowledgements: enough for all the cuts.
    const bytes = messages * (2 + 2 + topic.length + 5 + { 0: 0, 1: 6, 2: 14 }[qos]);
    const random = new SeededRandom(seed);
    let planned = 0;
    const fate = (): Fate => {
      if (planned++ >= cuts) return UNHURT;
      const count = SHORTEST + random.integer(Math.floor(bytes / cuts) - SHORTEST);
      return { pace: { of: "bytes" }, strike: { aim: { at: "bytes", count }, blow: "reset" } };
    };
    await using proxy = await FaultyProxy.listen(mosquitto.port, { fate });
    await using subscriber = await connect(mosquitto.url, { protocolVersion: version });
    const received: number[] = [];
    let last: () => void = () => undefined;
    const complete = new Promise<void>((resolve) => (last = resolve));
    await subscriber.subscribe(topic, {
      qos,
      onMessage(message) {
        if (message.text() === "end") last();
        else received.push(Number(message.text()));
      },
    });

    const publisher = await connect(proxy.url, {
      protocolVersion: version,
      clientId: "publisher",
      cleanStart: false,
      reconnect: { initialDelay: 1, maximumDelay: 20 },
    });
    let failed = 0;
    const outcomes: Promise<unknown>[] = [];
    for (let i = 0; i < messages; i++) {
      outcomes.push(publisher.publish(topic, String(i).padStart(5, "0"), { qos }).catch(() => failed++));
      if (qos > 0 || i % batch > 0) continue;
      await Promise.all(outcomes.splice(0));
      await setImmediate(); // a cut is detected
    }
    await Promise.all(outcomes);
    await publisher.disconnect();
    await using closing = await connect(mosquitto.url, { protocolVersion: version });
    await closing.publish(topic, "end", { qos: 1 });
    await complete;

    const distinct = [...new Set(received)];
    const sorted = distinct.toSorted((a, b) => a - b);
    expect(distinct, "the order of publishing, repeats aside").toEqual(sorted);
    if (qos > 0) expect(distinct).toHaveLength(messages);
    if (qos !== 1) expect(received, "nothing twice").toHaveLength(distinct.length);
    if (qos > 0) expect(failed).toBe(0);
    expect(proxy.cuts).toBe(cuts);
  },
);

const topic = "cut";
