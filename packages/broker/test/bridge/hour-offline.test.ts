// A bridge whose server cannot be reached for an hour: what is published meanwhile waits in the store, and arrives in order.
import { type Client, createClient } from "@aiko/mqtt";
import { FakeClock, FaultyLink } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { DiskStore, MemoryFileSystem } from "@aiko/mqtt-store";
import { expect, test } from "vitest";
import { Bridge } from "../../src/bridge/bridge.ts";

const SECONDS = 3_600;
/** Messages a second. 1,000 takes some minutes and gigabytes: the files are in memory. */
const RATE = Number(process.env["AIKO_MQTT_BRIDGE_RATE"] ?? 10);
const report = { connected: () => undefined, disconnected: () => undefined, dropped: () => undefined };

test(`an hour offline at ${RATE} messages a second loses nothing, and keeps the order`, {
  timeout: 3_600_000,
}, async () => {
  const clock = new FakeClock();
  const fileSystem = new MemoryFileSystem();
  const store = new DiskStore("/near", { fileSystem, maximumBytes: 2 ** 40 });
  const total = SECONDS * RATE;
  const outbox = { maximumCount: total + 1, maximumBytes: 2 ** 40 };
  const near = await Broker.listen({ listeners: [], clock, store, outbox, maximumMemory: 2 ** 40 });
  const far = await Broker.listen({ listeners: [], clock });
  let isDown = true;
  const settings = {
    name: "office",
    servers: ["mqtt://far"] as const,
    client: {},
    topics: [{ filter: "#", direction: "out", qos: 1, localPrefix: "", remotePrefix: "" } as const],
    inflight: 100,
    sessionExpiry: 86_400,
    outgoingRetain: true,
    statusTopic: undefined,
    remoteStatusTopic: undefined,
  };
  const bridge = new Bridge(
    near,
    settings,
    report,
    new FaultyLink(clock, far, () => ({ refused: isDown, delay: 1 })).platform,
  );
  const client = async (broker: Broker, clientId: string): Promise<Client> => {
    const made = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform, clientId });
    await clock.until(made.connect());
    return made;
  };

  let expected = 0;
  const wrong: string[] = [];
  const listener = await client(far, "listener");
  const onMessage = ({ payload }: { payload: Uint8Array }): void => {
    const number = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    if (number !== expected) wrong.push(`${number} instead of ${expected}`);
    expected = number + 1;
  };
  await clock.until(listener.subscribe("#", { qos: 1, onMessage }));
  const from = await client(near, "from");
  let mostMemory = 0;
  for (let second = 0; second < SECONDS; second++) {
    const published: Promise<unknown>[] = [];
    for (let i = 0; i < RATE; i++) {
      const payload = new Uint8Array(40);
      new DataView(payload.buffer).setUint32(0, second * RATE + i);
      published.push(from.publish("machines/1", payload, { qos: 1 }));
    }
    await clock.until(Promise.all(published));
    await clock.advance(1_000);
    mostMemory = Math.max(mostMemory, near.statistics.memory);
  }
  expect(expected).toBe(0);
  expect(near.clients.get("bridge-office")?.queued.count).toBe(total);
  expect(mostMemory).toBeLessThan(2_000_000 + 200 * total);

  isDown = false;
  for (let second = 0; second < SECONDS && expected < total; second++) await clock.advance(1_000);
  expect(wrong).toEqual([]);
  expect(expected).toBe(total);
  await clock.advance(1_000);
  expect(near.clients.get("bridge-office")?.queued.count).toBe(0);

  await clock.until(bridge.stop());
  await clock.until(Promise.all([from.disconnect(), listener.disconnect()]));
  await clock.until(Promise.all([near.close(), far.close()]));
});
