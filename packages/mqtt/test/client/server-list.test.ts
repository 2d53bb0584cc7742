import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

describe("a function that returns the servers", () => {
  test("is called before each round", async () => {
    const bench = new Bench();
    const answers = ["mqtt://blue", ["mqtt://green"]];
    const client = bench.create({}, async () => answers.shift() ?? []);
    const connecting = client.connect();
    const peer = await bench.accept();
    await bench.passing(connecting);
    await bench.reconnected(peer);
    expect(bench.dialled).toEqual(["blue", "green"]);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("no directory")), "OPTION_FAILED"],
    ["returns an invalid URL", () => "http://x", "URL_INVALID"],
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

describe("if a function fails, the error names the option, and the next attempt calls it again:", () => {
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
      message: `${name}: the function threw: Error: ENOENT: no such file`,
      cause,
    });
    await bench.connected(client);
    expect(asked).toBe(2);
  });
});

describe("credentials from a function", () => {
  test("are read again when a token is refused after a lost connection: three times without delay, then slowly", async () => {
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
      await bench.deliver(peer, { type: "connack", sessionPresent: false, reasonCode: 0x86 });
    }
    expect(asked).toBe(11);
    expect(Math.max(...delays.slice(0, 4))).toBeLessThan(10_000);
    expect(Math.max(...delays.slice(4))).toBeGreaterThan(20_000);
  });

  test("cannot be combined with a user name, and must be a function", () => {
    const bench = new Bench();
    expect(() => bench.create({ credentials: () => ({}), username: "ann" })).toThrow("cannot be combined");
    expect(() => bench.create({ credentials: {} as never })).toThrow("must be a function");
  });
});

describe("a server that refers to another", () => {
  const elsewhere = { properties: { serverReference: "other.example:1999 third.example" } };

  test("at CONNACK is followed at once, with the same credentials if the application agrees", async () => {
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

  test("in DISCONNECT is followed, and the client returns if the other server fails", async () => {
    const { bench, peer, events } = await new Bench().online();
    peer.send({ type: "disconnect", reasonCode: 0x9c, ...elsewhere });
    (await bench.passing(bench.server.next())).cut();
    (await bench.passing(bench.server.next())).cut();
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["server", "other.example", "third.example", "server"]);
    expect(events[0]?.value).toMatchObject({ error: { serverReference: "other.example:1999 third.example" } });
  });

  test("permanently (0x9D) is not used again while the other server answers", async () => {
    const { bench, peer } = await new Bench().online();
    peer.send({ type: "disconnect", reasonCode: 0x9d, properties: { serverReference: "new.example" } });
    const again = await bench.acceptAgain();
    await bench.reconnected(again);
    expect(bench.dialled).toEqual(["server", "new.example", "new.example"]);
  });

  test("in a form that is not a valid server name is tried again", async () => {
    const { bench, peer } = await new Bench().online();
    peer.send({ type: "disconnect", reasonCode: 0x9c, properties: { serverReference: "host:99999 :80" } });
    await bench.acceptAgain();
    expect(bench.dialled).toEqual(["server", "server"]);
  });

  test("in a circle does not cause a tight loop", async () => {
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
