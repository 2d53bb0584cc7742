import { afterEach, describe, expect, test, vi } from "vitest";
import { Bench, message, subscribed, watch } from "./bench.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test("a connection's events come in order, with their details", async () => {
  const bench = new Bench();
  const client = bench.create({}, "mqtt://ann:secret@server");
  const events = bench.recordEvents(client);
  const peer = await bench.connected(client);
  await bench.reconnected(peer, { sessionPresent: true });
  await bench.passing(client.disconnect());
  expect(events.map(({ name }) => name)).toEqual(["connected", "disconnected", "reconnecting", "connected", "closed"]);
  expect(events[0]?.value).toMatchObject({ server: "mqtt://server:1883", sessionPresent: false });
  expect(events[1]?.value).toMatchObject({ error: { code: "CONNECTION_LOST" } });
  expect(events[2]?.value).toMatchObject({ attempt: 1, error: { code: "CONNECTION_LOST" } });
  expect(events[3]?.value).toMatchObject({ sessionPresent: true });
  expect(JSON.stringify(events)).not.toMatch(/ann|secret/);
});

test("a failed first attempt rejects the promise and is not an event", async () => {
  const bench = new Bench(() => ({ refused: true }));
  const client = bench.create();
  const events = bench.recordEvents(client);
  await expect(client.connect()).rejects.toThrow();
  expect(events).toEqual([]);
});

test("a listener can be removed in two ways", async () => {
  const bench = new Bench();
  const client = bench.create();
  let called = 0;
  const listener = () => void called++;
  client.on("connected", listener)();
  client.on("connected", listener);
  client.off("connected", listener);
  await bench.connected(client);
  expect(called).toBe(0);
});

test("a listener that throws affects nothing else; the error is an error event", async () => {
  vi.spyOn(console, "error").mockReturnValue(undefined);
  const bench = new Bench();
  const client = bench.create();
  const errors: unknown[] = [];
  let others = 0;
  client.on("connected", () => {
    throw new Error("mine");
  });
  client.on("connected", () => void others++);
  client.on("error", (error) => errors.push(error));
  client.on("error", () => {
    throw new Error("this one too");
  });
  await bench.connected(client);
  expect(others).toBe(1);
  expect(errors).toEqual([new Error("mine")]);
  expect(client.connected).toBe(true);
});

describe("an error without a listener", () => {
  const failing = async (count: number): Promise<void> => {
    const { bench, client, peer } = await new Bench().online({ clientId: "kitchen\n" });
    let calls = 0;
    const onMessage = () => {
      throw new Error(`mine ${++calls}`);
    };
    await subscribed(bench, client, peer, "a", { onMessage });
    for (let i = 0; i < count; i++) peer.send(message("a", "x"));
    await bench.clock.tick();
    expect(calls).toBe(count);
  };

  test("is written to the console for the first error of a client only", async () => {
    const written = vi.spyOn(console, "error").mockReturnValue(undefined);
    await failing(3);
    expect(written.mock.calls).toEqual([
      ['client "kitchen\\u000a": no "error" listener is registered; logging the first error:', new Error("mine 1")],
    ]);
  });

  test.each([
    ["without a console", undefined],
    ["whose console only logs", { log: () => undefined }],
  ])("is ignored in an engine %s", async (_, bare) => {
    vi.stubGlobal("console", bare);
    await failing(2);
    vi.unstubAllGlobals();
  });

  test("is not written once there is a listener, even if that throws", async () => {
    const written = vi.spyOn(console, "error").mockReturnValue(undefined);
    const bench = new Bench();
    const client = bench.create();
    client.on("connected", () => {
      throw new Error("mine");
    });
    client.on("error", () => {
      throw new Error("the listener's own");
    });
    await bench.connected(client);
    expect(written.mock.calls).toEqual([['client "c1": an "error" listener threw:', new Error("the listener's own")]]);
  });
});

test("each received packet is an event", async () => {
  const bench = new Bench();
  const client = bench.create();
  const packets: string[] = [];
  client.on("packet", ({ type }) => packets.push(type));
  const peer = await bench.connected(client);
  await bench.deliver(peer, { type: "pingresp" });
  expect(packets).toEqual(["connack", "pingresp"]);
});

test("statistics count", async () => {
  const { bench, client, peer } = await new Bench().online();
  expect(client.statistics).toEqual({
    connections: 1,
    messagesPublished: 0,
    messagesReceived: 0,
    messagesDropped: 0,
    pendingPublishes: 0,
    outbox: { refused: 0, droppedOldest: 0, droppedNewest: 0, replaced: 0, droppedOffline: 0, tooOld: 0, expired: 0 },
    pendingMessages: 0,
    beyondReceiveMaximum: 0,
    subscriptions: 0,
    slowConsumers: [],
  });
  await bench.reconnected(peer);
  expect(client.statistics.connections).toBe(2);
});

test('logs the first rejection of an async "error" listener, and does not end the process', async () => {
  const written = vi.spyOn(console, "error").mockReturnValue(undefined);
  const bench = new Bench();
  const client = bench.create();
  client.on("error", () => Promise.reject(new Error("again")));
  for (const text of ["first", "second"]) client.on("connected", () => Promise.reject(new Error(text)));
  await bench.connected(client);
  await bench.clock.tick();
  expect(written).toHaveBeenCalledOnce();
  expect(written.mock.lastCall?.[0]).toMatch(/an "error" listener threw/);
});

test("once calls a listener for one event, unless it is removed before", async () => {
  const bench = new Bench();
  const client = bench.create();
  const told: string[] = [];
  client.once("connected", () => told.push("once"));
  client.once("connected", () => told.push("never"))();
  const peer = await bench.connected(client);
  await bench.reconnected(peer);
  expect(told).toEqual(["once"]);
  expect(() => client.once("conected" as "connected", () => undefined)).toThrow(/did you mean "connected"/);
});

describe("waitFor", () => {
  test("resolves to the next event's value", async () => {
    const bench = new Bench();
    const client = bench.create();
    const waiting = client.waitFor("connected");
    const peer = await bench.connected(client);
    expect(await waiting).toMatchObject({ sessionPresent: false });
    const again = client.waitFor("connected");
    await bench.reconnected(peer, { sessionPresent: true });
    expect(await again).toMatchObject({ sessionPresent: true });
  });

  test("rejects if the client is closed first, but resolves if it waits for that event", async () => {
    const { bench, client } = await new Bench().online();
    const waiting = watch(client.waitFor("disconnected"));
    const closed = client.waitFor("closed");
    await bench.passing(client.disconnect());
    expect(await closed).toEqual({ error: undefined });
    expect(waiting.error).toMatchObject({ name: "ClosedError", code: "CLIENT_CLOSED" });
    await expect(client.waitFor("connected")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });

  test("rejects with the reason why the client stopped reconnecting as the cause", async () => {
    const { bench, client, peer } = await new Bench().online({ reconnect: false });
    const waiting = watch(client.waitFor("connected"));
    peer.cut();
    await bench.clock.tick();
    expect(waiting.error).toMatchObject({ code: "CLIENT_CLOSED", cause: { code: "CONNECTION_LOST" } });
  });

  test("rejects when its signal aborts, and removes its listeners", async () => {
    const bench = new Bench();
    const client = bench.create();
    const controller = new AbortController();
    const waiting = client.waitFor("connected", { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError", code: "ABORTED" });
    await expect(client.waitFor("connected", { signal: controller.signal })).rejects.toMatchObject({ code: "ABORTED" });
    await bench.connected(client);
  });

  test.each([
    ["an unknown event", "conected", {}, "OPTION_UNKNOWN"],
    ["an unknown option", "connected", { timeout: 1 }, "OPTION_UNKNOWN"],
    ["no signal", "connected", { signal: new AbortController() }, "OPTION_INVALID"],
  ])("rejects %s", async (_, name, options, code) => {
    const waiting = new Bench().create().waitFor(name as "connected", options as object);
    await expect(waiting).rejects.toMatchObject({ code });
  });
});
