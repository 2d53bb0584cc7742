import { describe, expect, test } from "vitest";
import { Bench, recordEvents, watch } from "./bench.ts";

const servers = ["mqtt://first", "mqtt://second", "mqtt://third"];

describe("a list of servers", () => {
  test("is gone through in one round before the client waits", async () => {
    const bench = new Bench();
    const client = bench.create({}, servers);
    const connecting = client.connect();
    (await bench.server.next()).cut();
    (await bench.server.next()).cut();
    await bench.accept();
    await bench.passing(connecting);
    expect(bench.dialled).toEqual(["first", "second", "third"]);
  });

  test("begins with the server that worked last", async () => {
    const bench = new Bench();
    const client = bench.create({}, servers);
    const connecting = client.connect();
    (await bench.server.next()).cut();
    const peer = await bench.accept();
    await bench.passing(connecting);
    peer.cut();
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["first", "second", "second"]);
  });
});

describe("a function that gives the servers", () => {
  test("is asked before each round", async () => {
    const bench = new Bench();
    const answers = ["mqtt://blue", ["mqtt://green"]];
    const client = bench.create({}, async () => answers.shift() ?? []);
    const connecting = client.connect();
    const peer = await bench.accept();
    await bench.passing(connecting);
    peer.cut();
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["blue", "green"]);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("no directory")), "OPTION_FAILED"],
    ["gives what is no URL", () => "http://x", "URL_INVALID"],
    ["gives none", () => [], "URL_INVALID"],
  ])("that %s fails the attempt", async (_, give, code) => {
    const connecting = new Bench().create({}, give).connect();
    await expect(connecting).rejects.toMatchObject({ code });
  });

  test("that never answers fails at connectTimeout", async () => {
    const bench = new Bench();
    const connecting = bench.create({ connectTimeout: 300 }, () => new Promise<string>(() => undefined)).connect();
    await expect(bench.passing(connecting)).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
  });
});

describe("a function that fails is told as the option's failure, and asked again at the next attempt:", () => {
  test.each(["credentials", "tls"])("%s", async (name) => {
    const bench = new Bench();
    const cause = new Error("ENOENT: no such file");
    let asked = 0;
    const give = () => {
      if (asked++ === 0) throw cause;
      return Promise.resolve({});
    };
    const client = bench.create({ [name]: give }, "mqtts://server");
    await expect(client.connect()).rejects.toMatchObject({
      name: "TransportError",
      code: "OPTION_FAILED",
      message: `${name}: its function failed: Error: ENOENT: no such file`,
      cause,
    });
    const connecting = client.connect();
    await bench.accept();
    await connecting;
    expect(asked).toBe(2);
  });
});

describe("credentials from a function", () => {
  test("are asked again when a token is refused after a connection was lost: three times without delay, then slowly", async () => {
    const bench = new Bench();
    let asked = 0;
    const client = bench.create({ credentials: () => ({ username: "ann", password: `token ${++asked}` }) });
    const delays: number[] = [];
    client.on("reconnecting", ({ delay }) => delays.push(delay));
    watch(client.connect());
    (await bench.accept()).cut();
    for (let i = 0; i < 10; i++) {
      const peer = await bench.passing(bench.server.next());
      await peer.expect("connect");
      peer.send({ type: "connack", sessionPresent: false, reasonCode: 0x86 });
      await bench.clock.tick();
    }
    expect(asked).toBe(11);
    expect(Math.max(...delays.slice(0, 4))).toBeLessThan(10_000);
    expect(Math.max(...delays.slice(4))).toBeGreaterThan(20_000);
  });

  test("are asked for at each attempt, for the server they are for", async () => {
    const bench = new Bench();
    const asked: string[] = [];
    const credentials = async (server: string) => ({ username: "ann", password: `token ${asked.push(server)}` });
    const connecting = bench.create({ credentials }).connect();
    const first = await bench.server.next();
    expect(await first.expect("connect")).toMatchObject({ password: new TextEncoder().encode("token 1") });
    first.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
    await bench.passing(connecting);
    first.cut();
    const second = await bench.passing(bench.server.next());
    expect(await second.expect("connect")).toMatchObject({ password: new TextEncoder().encode("token 2") });
    expect(asked).toEqual(["mqtt://server:1883", "mqtt://server:1883"]);
  });

  test("cannot be combined with a user name, and must be a function", () => {
    const bench = new Bench();
    expect(() => bench.create({ credentials: () => ({}), username: "ann" })).toThrow("cannot be combined");
    expect(() => bench.create({ credentials: {} as never })).toThrow("must be a function");
  });
});

describe("a server that refers to another", () => {
  const elsewhere = { properties: { serverReference: "other.example:1999 third.example" } };

  test("at CONNACK is left for it at once, with the same credentials if the application agrees", async () => {
    const bench = new Bench();
    const connecting = bench.create({ serverReference: "follow" }, "mqtt://ann:secret@server").connect();
    const peer = await bench.server.next();
    await peer.expect("connect");
    peer.send({ type: "connack", sessionPresent: false, reasonCode: 0x9c, ...elsewhere });
    const other = await bench.passing(bench.server.next());
    expect(await other.expect("connect")).toMatchObject({ username: "ann" });
    other.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
    await bench.passing(connecting);
    expect(bench.dialled).toEqual(["server", "other.example"]);
  });

  test("in DISCONNECT is left for it, and come back to if the other fails", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    peer.send({ type: "disconnect", reasonCode: 0x9c, ...elsewhere });
    (await bench.passing(bench.server.next())).cut();
    (await bench.passing(bench.server.next())).cut();
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["server", "other.example", "third.example", "server"]);
    expect(events[0]?.value).toMatchObject({ error: { serverReference: "other.example:1999 third.example" } });
  });

  test("for good (0x9D) is not come back to while the other answers", async () => {
    const bench = new Bench();
    const { peer } = await bench.online();
    peer.send({ type: "disconnect", reasonCode: 0x9d, properties: { serverReference: "new.example" } });
    const again = await bench.acceptAgain();
    again.cut();
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["server", "new.example", "new.example"]);
  });

  test("in words that are no server's name is asked again", async () => {
    const bench = new Bench();
    const { peer } = await bench.online();
    peer.send({ type: "disconnect", reasonCode: 0x9c, properties: { serverReference: "host:99999 :80" } });
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["server", "server"]);
  });

  test("that refers back does not keep the client busy", async () => {
    const bench = new Bench();
    const done = watch(bench.create({ reconnect: false }).connect());
    for (const serverReference of ["other", "server"]) {
      const peer = await bench.passing(bench.server.next());
      await peer.expect("connect");
      peer.send({ type: "connack", sessionPresent: false, reasonCode: 0x9c, properties: { serverReference } });
    }
    for (let i = 0; i < 5; i++) await bench.clock.tick();
    expect(done.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x9c });
    expect(bench.dialled).toEqual(["server", "other"]);
  });
});
