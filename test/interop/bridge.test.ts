// A bridge between the broker and a real mosquitto.
import { type Client, connect, type Message } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { Bridge } from "../../packages/broker/src/bridge/bridge.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const reconnect = { initialDelay: 10, maximumDelay: 50 };
const topics = [{ filter: "#", direction: "both", qos: 2, localPrefix: "", remotePrefix: "" }] as const;
const silent = { connected: () => undefined, disconnected: () => undefined, dropped: () => undefined };

function bridgeTo(broker: Broker, url: string, protocolVersion: 4 | 5): Bridge {
  const client = { protocolVersion, reconnect };
  return new Bridge(
    broker,
    { name: "test", servers: [url], client, topics, inflight: 20, sessionExpiry: 3_600 },
    silent,
  );
}

async function hear(client: Client): Promise<string[]> {
  const heard: string[] = [];
  const onMessage = (message: Message): void => void heard.push(`${message.topic}=${message.text()}`);
  await client.subscribe("#", { qos: 2, onMessage });
  return heard;
}

test.each([4, 5] as const)(
  "version %i: loses nothing in either direction while mosquitto is restarted 100 times, and makes no loop",
  async (version) => {
    await using mosquitto = await Mosquitto.start({ persistence: true });
    await using broker = await Broker.listen({ port: 0 });
    const bridge = bridgeTo(broker, mosquitto.url, version);
    const settings = { reconnect, cleanStart: false, retry: true, protocolVersion: 5 } as const;
    const [a, nearListener] = await Promise.all([connect(broker.url), connect(broker.url)]);
    const b = await connect(mosquitto.url, { ...settings, clientId: "b" });
    const farListener = await connect(mosquitto.url, { ...settings, clientId: "far listener" });
    const [near, far] = [await hear(nearListener), await hear(farListener)];
    await mosquitto.logged("bridge-test 2 #");
    let sent = 0;
    const outcomes: Promise<unknown>[] = [];
    for (let restart = 0; restart < 100; restart++) {
      for (let i = 0; i < 5; i++, sent++) {
        outcomes.push(a.publish("out", `${sent}`, { qos: 1 }), b.publish("in", `${sent}`, { qos: 1 }));
      }
      await mosquitto.stop();
      await mosquitto.startAgain();
    }
    await Promise.all(outcomes);
    const all = ["in", "out"].flatMap((topic) => Array.from({ length: sent }, (_, i) => `${topic}=${i}`));
    const missing = (heard: readonly string[]) => all.filter((each) => !heard.includes(each));
    await expect.poll(() => [missing(near), missing(far)], { timeout: 30_000 }).toEqual([[], []]);
    for (const heard of [near, far]) {
      const first = [...new Set(heard)];
      for (const topic of ["in", "out"])
        expect(first.filter((each) => each.startsWith(topic))).toEqual(all.filter((each) => each.startsWith(topic)));
      expect(heard.length).toBeLessThan(2 * all.length); // repetitions after a restart, but no loop
    }
    await bridge.stop();
    await Promise.all([a, b, nearListener, farListener].map((client) => client.disconnect({ drainTimeout: 100 })));
  },
  120_000,
);
