// Several listeners with a configuration each.
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TlsOptions } from "@aiko/mqtt";
import { Broker, type ListenerOptions } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { Authority } from "../../../test/fixtures/certificates.ts";

const authority = await Authority.named("Test authority");
const { certificate, key } = await authority.issue(["127.0.0.1"]);
const tls: TlsOptions = { ca: authority.certificate };

async function started(listeners: readonly ListenerOptions[], options = {}): Promise<Broker> {
  const broker = await Broker.listen({ listeners, ...options });
  onTestFinished(() => broker.close());
  return broker;
}

/** Opens a connection. Returns "closed" if the broker closes it at once. */
async function open(url: string): Promise<string> {
  const { hostname, port, pathname, protocol } = new URL(url);
  const socket: Socket = protocol === "unix:" ? createConnection(pathname) : createConnection(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  return new Promise((resolve) => {
    socket.on("error", () => undefined);
    socket.on("close", () => resolve("closed"));
    socket.on("connect", () => setImmediate(() => setImmediate(() => resolve(socket.destroyed ? "closed" : "open"))));
  });
}

test("plain TCP on this machine for all, TLS for those who authenticate", async () => {
  const asked: unknown[] = [];
  const broker = await started(
    [
      { url: "mqtt://127.0.0.1:0", name: "local", authenticate: () => true },
      { url: "mqtts://127.0.0.1:0", tls: { certificate, key } },
    ],
    {
      authenticate: ({ username, listener }: { username?: string; listener?: string }) => {
        asked.push(listener);
        return username === "ann";
      },
    },
  );
  const [local = "", world = ""] = broker.urls;
  await using device = await connect(local, { clientId: "device" });
  await using ann = await connect(world, { clientId: "ann", username: "ann", tls });
  await expect(connect(world, { tls, reconnect: false })).rejects.toMatchObject({ code: "CONNECT_REFUSED" });
  expect([device.connected, ann.connected]).toEqual([true, true]);
  expect(asked).toEqual([world, world]);
  expect([...broker.clients].map(({ clientId, listener }) => [clientId, listener])).toEqual([
    ["device", "local"],
    ["ann", world],
  ]);
});

test.each(["mqtt://127.0.0.1:0", "mqtts://127.0.0.1:0", "ws://127.0.0.1:0", "unix:"])(
  "a listener at %s has a number of connections of its own",
  async (place) => {
    const folder = await mkdtemp(join(tmpdir(), "aiko-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const url = place === "unix:" ? `unix:${join(folder, "a.sock")}` : place;
    const secure = place.startsWith("mqtts") ? { tls: { certificate, key } } : {};
    const broker = await started([{ url, maximumConnections: 1, ...secure }, { url: "mqtt://127.0.0.1:0" }]);
    const events = recordEvents(broker);
    const [first = "", second = ""] = broker.urls;
    expect(await open(first)).toBe("open");
    await open(first);
    await expect
      .poll(() => events)
      .toContainEqual({ type: "refused", reason: "the limit maximumConnections 1 is reached" });
    await using client = await connect(second);
    expect(client.connected).toBe(true);
  },
);

test.each<[string, object]>([
  ["an empty name", { name: "" }],
  ["no function", { authenticate: true }],
  ["no connection at all", { maximumConnections: 0 }],
])("%s is rejected", async (_, terms) => {
  await expect(Broker.listen({ listeners: [{ url: "mqtt://127.0.0.1:0", ...terms }] })).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message: expect.stringContaining("listeners[0]."),
  });
});
