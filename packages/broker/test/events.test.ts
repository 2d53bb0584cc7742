// The broker's events: listeners, promises of events, and the text of a printed broker.
import { inspect } from "node:util";
import { connect, platform, type Transport } from "@aiko/mqtt";
import { memoryPair } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test, vi } from "vitest";

async function started() {
  const broker = await Broker.listen({ listeners: [], authenticate: () => true });
  onTestFinished(() => broker.close());
  const join = async (clientId: string) => {
    const dial = async (): Promise<Transport> => {
      const [client, server] = memoryPair(platform.clock);
      broker.accept(server);
      return client;
    };
    const client = await connect("mqtt://broker", { dial, clientId });
    onTestFinished(() => client.disconnect());
  };
  return { broker, join };
}

test("once is called for one client", async () => {
  const { broker, join } = await started();
  const told: string[] = [];
  broker.once("connected", ({ clientId }) => told.push(clientId));
  await join("a");
  await join("b");
  expect(told).toEqual(["a"]);
});

test("waitFor resolves to the next event's value", async () => {
  const { broker, join } = await started();
  const waiting = broker.waitFor("connected");
  await join("a");
  expect(await waiting).toMatchObject({ clientId: "a", protocolVersion: 5 });
});

test("waitFor rejects when the broker is closed, when its signal aborts, and for wrong calls", async () => {
  const { broker } = await started();
  const controller = new AbortController();
  const aborted = broker.waitFor("connected", { signal: controller.signal });
  controller.abort();
  await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
  await expect(broker.waitFor("connected", { signal: controller.signal })).rejects.toMatchObject({ code: "ABORTED" });
  await expect(broker.waitFor("conected" as "connected")).rejects.toMatchObject({ code: "OPTION_UNKNOWN" });
  await expect(broker.waitFor("connected", { timeout: 1 } as object)).rejects.toMatchObject({ code: "OPTION_UNKNOWN" });
  const closed = broker.waitFor("connected");
  void broker.close();
  await expect(closed).rejects.toMatchObject({ name: "ClosedError", code: "BROKER_CLOSED" });
  await expect(broker.waitFor("connected")).rejects.toMatchObject({ code: "BROKER_CLOSED" });
});

test("a rejection of an async listener is an error event", async () => {
  const { broker, join } = await started();
  broker.on("connected", () => Promise.reject(new Error("mine")));
  const error = broker.waitFor("error");
  await join("a");
  expect(await error).toEqual(new Error("mine"));
});

test("without an error listener, the first error is written to the console and the process continues", async () => {
  const written = vi.spyOn(console, "error").mockReturnValue(undefined);
  const { broker, join } = await started();
  broker.on("connected", () => Promise.reject(new Error("mine")));
  await join("a");
  await join("b");
  expect(written).toHaveBeenCalledOnce();
  vi.restoreAllMocks();
});

test("printing a broker shows its URLs and its counts, and no option", async () => {
  const { broker } = await started();
  expect(JSON.parse(JSON.stringify(broker))).toEqual({ urls: [], statistics: broker.statistics });
  expect(inspect(broker)).toMatch(/^Broker \{\s+urls: \[\],\s+statistics: \{/);
  expect(inspect(broker, { depth: Infinity })).not.toMatch(/authenticate|settings/);
});
