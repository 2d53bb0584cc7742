// From one broker to a cluster: the node that serves the clients ends, and they connect to the next server of their
// list.
import { type ConnectOptions, connect, createClient } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { RabbitMqCluster, type RabbitMqNode } from "../fixtures/rabbitmq.ts";

/** Messages each second, and their numbers before and after the node ends. */
const RATE = 100;
const BEFORE = 100;
const AFTER = 300;

/** Milliseconds after the last acknowledgement in which missing messages would have arrived. */
const PATIENCE = 60_000;

const options: ConnectOptions = {
  protocolVersion: 4,
  cleanStart: false,
  keepAlive: 5,
  connectTimeout: 5_000,
  reconnect: { maximumDelay: 1_000 },
};

test.each(["stopped", "killed"] as const)(
  "no acknowledged message is lost when the node that serves the clients is %s",
  async (how) => {
    await using cluster = await RabbitMqCluster.start();
    const { urls, nodes } = cluster;
    const servers: string[] = [];
    await using subscriber = createClient(urls, { ...options, clientId: `subscriber-${how}` });
    subscriber.on("connected", ({ server }) => servers.push(server));
    await subscriber.connect();
    const serving = nodes.find(({ url }) => url === servers[0]) as RabbitMqNode;
    const others = nodes.filter((node) => node !== serving);
    const order = [serving, ...others].map(({ url }) => url);
    await using publisher = await connect(order, { ...options, clientId: `publisher-${how}` });
    const received = new Map<string, number>();
    let arrivedAt = 0;
    let gap = 0;
    const progress = new Set<() => void>();
    await subscriber.subscribe(`${how}/#`, {
      qos: 1,
      onMessage(message) {
        const now = performance.now();
        if (arrivedAt > 0) gap = Math.max(gap, now - arrivedAt);
        arrivedAt = now;
        received.set(message.text(), (received.get(message.text()) ?? 0) + 1);
        for (const tell of progress) tell();
      },
    });
    const reached = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = () => {
          if (received.size < count) return;
          progress.delete(look);
          resolve();
        };
        progress.add(look);
        look();
      });

    const publishing: Promise<unknown>[] = [];
    const timer = setInterval(() => {
      publishing.push(publisher.publish(`${how}/x`, `${publishing.length}`, { qos: 1 }));
    }, 1_000 / RATE);
    try {
      await reached(BEFORE);
      await (how === "stopped" ? serving.stop() : serving.kill());
      await reached(publishing.length + AFTER);
    } finally {
      clearInterval(timer);
    }
    await Promise.all(publishing);
    await Promise.race([reached(publishing.length), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    const twice = [...received.values()].filter((times) => times > 1).length;
    const lost = publishing.filter((_, i) => !received.has(`${i}`)).length;
    console.log(
      `node ${how}: ${publishing.length} acknowledged, ${lost} lost, ${twice} more than once; the subscriber saw a gap of ${(gap / 1000).toFixed(2)} s`,
    );
    expect(lost).toBe(0);
    expect(servers.length).toBeGreaterThan(1);
    expect(others.map(({ url }) => url)).toContain(servers.at(-1));
  },
);
