import type { SmallClient, SmallSubscribeOptions } from "@aiko/mqtt/small";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import type { Transport, TransportListener } from "../../src/platform/transport.ts";
import { type ClientBench, clients, message, subscribed, watch } from "./clients.ts";

/** The limits at which reading stops: a number of messages, and a number of bytes of topics and payloads. */
const MOST = 1_000;
const MOST_BYTES = 4 * 2 ** 20;

/** Sends messages one by one, each in its own chunk, as far as they are read. */
async function flood(bench: ClientBench, peer: ScriptedPeer, count: number, text = "x"): Promise<void> {
  for (let i = 0; i < count; i++) {
    peer.send(message("a", text));
    if (i % 10 === 0) await bench.clock.tick();
  }
  await bench.clock.tick();
}

/** Holds data that arrives while reading is stopped, and delivers it within `resume`. */
class Held implements Transport, TransportListener {
  private listener: TransportListener | undefined;
  private paused = false;
  private readonly held: Uint8Array[] = [];
  constructor(private readonly inner: Transport) {}
  start(listener: TransportListener): void {
    this.listener = listener;
    this.inner.start(this);
  }
  write(bytes: Uint8Array): boolean {
    return this.inner.write(bytes);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    while (!this.paused && this.held.length > 0) this.listener?.onBytes(this.held.shift() as Uint8Array);
  }
  end(sent?: () => void): void {
    this.inner.end(sent);
  }
  destroy(): void {
    this.inner.destroy();
  }
  onBytes(bytes: Uint8Array): void {
    this.held.push(bytes);
    if (!this.paused) this.resume();
  }
  onDrain(): void {
    this.listener?.onDrain();
  }
  onClose(error?: Error): void {
    this.listener?.onClose(error);
  }
}

const publishing = (client: SmallClient) => watch(client.publish("b", "", { qos: 1 }));

describe.each(clients)("the $name client", ({ createBench, expectStatistics }) => {
  /** A client whose transport reports whether it is being read. */
  async function watched(options: SmallSubscribeOptions = {}, keepAlive = 0) {
    const bench = createBench();
    const reading = { now: true };
    const dial: typeof bench.platform.dial = async (...where) => {
      const transport = await bench.platform.dial(...where);
      const { pause, resume } = transport;
      reading.now = true;
      return Object.assign(transport, {
        pause: () => {
          reading.now = false;
          pause.call(transport);
        },
        resume: () => {
          reading.now = true;
          resume.call(transport);
        },
      });
    };
    const { client, peer } = await bench.online({ dial, keepAlive, cleanStart: false });
    const subscription = await subscribed(bench, client, peer, "a", options);
    return { bench, client, peer, subscription, reading };
  }

  describe("above the limit of the inbox", () => {
    test("reading stops, and resumes when half of the inbox is handled", async () => {
      const { bench, peer, subscription, reading } = await watched();
      await flood(bench, peer, MOST);
      expect(reading.now).toBe(true);
      await flood(bench, peer, 1);
      expect(reading.now).toBe(false);
      const messages = subscription[Symbol.asyncIterator]();
      for (let i = 0; i < MOST / 2 + 1; i++) await messages.next(); // which finishes one message fewer
      expect(reading.now).toBe(false);
      await messages.next();
      expect(reading.now).toBe(true);
    });

    test("the same holds for the limit in bytes", async () => {
      const { bench, peer, reading } = await watched();
      const large = "x".repeat(MOST_BYTES / 4 - 20); // with the topic, and for the full client with the packet's header
      await flood(bench, peer, 4, large);
      expect(reading.now).toBe(true);
      await flood(bench, peer, 1, "x".repeat(100));
      expect(reading.now).toBe(false);
    });

    test("nothing is lost, and memory does not grow: the messages stay with the server", async () => {
      const { bench, client, peer, subscription } = await watched();
      const events = bench.recordEvents(client);
      await flood(bench, peer, 5_000);
      const messages = subscription[Symbol.asyncIterator]();
      for (let i = 0; i < 5_000; i++) {
        const { value } = await messages.next();
        expect(value?.text()).toBe("x");
        if (i % 100 === 0) await bench.clock.tick();
      }
      expect(events).toEqual([]);
    });

    test("reading stays stopped on the next connection", async () => {
      const { bench, peer, reading } = await watched();
      await flood(bench, peer, MOST + 1);
      bench.server.link.cut();
      await bench.acceptAgain({ sessionPresent: true });
      await bench.clock.tick();
      expect(reading.now).toBe(false);
    });
  });

  test("a handler that never returns does not end the connection", async () => {
    const { bench, client, peer, reading } = await watched({ onMessage: () => new Promise(() => undefined) }, 10);
    await flood(bench, peer, MOST + 1);
    expect(reading.now).toBe(false);
    for (let i = 0; i < 12; i++) {
      await bench.clock.advance(10_000);
      await bench.answer(peer, "pingreq");
    }
    expect(client.connected).toBe(true);
    expect(bench.dialled).toHaveLength(1);
  });

  describe("with a full inbox, operations that wait for the server still complete:", () => {
    test("a publish that a handler awaits", async () => {
      const box: { client?: SmallClient } = {};
      let done = 0;
      const { bench, client, peer } = await watched({
        onMessage: async () => {
          await box.client?.publish("b", "", { qos: 1 });
          done++;
        },
      });
      box.client = client;
      for (let i = 0; i < MOST + 5; i++) peer.send(message("a", ""));
      for (let i = 0; i < MOST + 5; i++) {
        const { packetIdentifier } = await peer.expect("publish");
        peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      }
      await bench.clock.tick();
      expect(done).toBe(MOST + 5);
    });

    test("the same over a transport that delivers its buffered bytes within `resume`, as a WebSocket does", async () => {
      const bench = createBench();
      const dial: typeof bench.platform.dial = async (...where) => new Held(await bench.platform.dial(...where));
      const { client, peer } = await bench.online({ dial, properties: { receiveMaximum: 3 * MOST } });
      const events = bench.recordEvents(client);
      const done: string[] = [];
      await subscribed(bench, client, peer, "a", {
        onMessage: async (each) => {
          await client.publish("b", each.payload, { qos: 1 });
          done.push(each.text());
        },
      });
      const wanted = Array.from({ length: 3 * MOST }, (_, i) => String(i));
      for (const [i, text] of wanted.entries()) peer.send(message("a", text, 1, i + 1));
      let answered = peer.received.length;
      while (done.length < wanted.length) {
        await bench.clock.tick();
        const fresh = peer.received.slice(answered);
        expect(fresh).not.toEqual([]);
        answered += fresh.length;
        for (const packet of fresh)
          if (packet.type === "publish")
            peer.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      }
      expect(done).toEqual(wanted);
      expect(events).toEqual([]);
    });

    test("reading continues until the publish is acknowledged", async () => {
      const { bench, client, peer, reading } = await watched();
      await flood(bench, peer, MOST + 1);
      const outcome = publishing(client);
      const { packetIdentifier } = await peer.expect("publish");
      expect(reading.now).toBe(true);
      await bench.deliver(peer, { type: "puback", packetIdentifier, reasonCode: 0 });
      expect(outcome.settled).toBe(1);
      expect(reading.now).toBe(false);
    });

    test("a publish that was made offline and is sent on the next connection", async () => {
      const { bench, client, peer, reading } = await watched();
      await flood(bench, peer, MOST + 1);
      bench.server.link.cut();
      await bench.clock.tick();
      const outcome = publishing(client);
      const again = await bench.acceptAgain({ sessionPresent: true });
      await bench.answer(again, "publish");
      expect(outcome.settled).toBe(1);
      expect(reading.now).toBe(false);
    });

    test("a publish to a server that does not read until the client reads", async () => {
      const { bench, client, peer, reading } = await watched();
      peer.pause();
      const outcomes = Array.from({ length: 100 }, () => watch(client.publish("b", new Uint8Array(60_000))));
      await flood(bench, peer, MOST + 1);
      expect(reading.now).toBe(true);
      expect(outcomes.at(-1)?.settled).toBe(0);
      peer.resume();
      await bench.clock.tick();
      expect(outcomes.at(-1)?.settled).toBe(1);
      expect(reading.now).toBe(false);
    });

    test("messages behind one that the server lost with its session", async () => {
      const { bench, client, peer, reading } = await watched();
      const lost = watch(client.publish("b", "1", { qos: 2 }));
      await peer.expect("publish");
      await flood(bench, peer, MOST + 1);
      bench.server.link.cut();
      await bench.clock.tick();
      const outcome = publishing(client);
      const again = await bench.acceptAgain();
      const renewed = await again.expect("subscribe");
      const { packetIdentifier } = await again.expect("publish");
      expect(reading.now).toBe(true);
      again.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await bench.deliver(again, { type: "suback", packetIdentifier: renewed.packetIdentifier, reasonCodes: [2] });
      expect(lost.error).toMatchObject({ code: "SESSION_LOST" });
      expect(outcome.settled).toBe(1);
      expect(reading.now).toBe(false);
    });

    test("a subscription and an unsubscription", async () => {
      const { bench, client, peer, subscription } = await watched();
      await flood(bench, peer, MOST + 1);
      await subscribed(bench, client, peer, "b");
      const ending = watch(subscription.unsubscribe());
      await bench.answer(peer, "unsubscribe", 0);
      expect([ending.settled, ending.error]).toEqual([1, undefined]);
    });

    test("QoS 0 messages beyond twice the limit are dropped and reported; QoS 1 messages are kept", async () => {
      const { bench, client, peer } = await watched();
      const events = bench.recordEvents(client);
      publishing(client);
      await peer.expect("publish");
      await flood(bench, peer, 2 * MOST + 1);
      expect(events).toEqual([]);
      await flood(bench, peer, 3, "too much");
      expect(events.map(({ name }) => name)).toEqual(["dropped", "dropped", "dropped"]);
      expect(events[0]?.value).toMatchObject({ payload: new TextEncoder().encode("too much") });
      await bench.deliver(peer, message("a", "", 1, 1));
      expect(events).toHaveLength(3);
      expectStatistics(client, { messagesDropped: 3, pendingMessages: 2 * MOST + 2 });
    });
  });

  test("the client stops publishing to a server that does not read", async () => {
    const { bench, client, peer } = await createBench().online();
    peer.pause();
    const payload = new Uint8Array(60_000);
    const outcomes = Array.from({ length: 100 }, () => watch(client.publish("a", payload)));
    await bench.clock.tick();
    const settled = outcomes.filter((outcome) => outcome.settled > 0).length;
    expect(settled).toBeLessThan(50);
    peer.resume();
    await bench.clock.tick();
    expect(outcomes.every((outcome) => outcome.settled === 1)).toBe(true);
  });
});
