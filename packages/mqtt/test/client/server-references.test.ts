// A server may refer its clients to other servers [MQTT5 4.11]. A hostile server could use this to scan a network and
// to spread passwords.
import { type Client, type ConnectOptions, createClient, type Platform, type Servers } from "@aiko/mqtt";
import type { ConnectPacket } from "@aiko/mqtt/codec";
import { type ScriptedPeer, ScriptedServer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { serversNamedBy } from "../../src/client/connecting/server-reference.ts";
import { Bench } from "./bench.ts";

const HOSTS = Array.from({ length: 3_200 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(" ");
const MOVED = 0x9d;
const USE_ANOTHER = 0x9c;

/** The configured servers belong to the test; all others accept CONNECT, record it, and close the connection. */
class Network extends Bench {
  readonly strangers: ConnectPacket[] = [];
  /** The answer of other servers to CONNECT; without one they close the connection. */
  refusing: number | undefined;
  referring: ((count: number) => string) | undefined;

  override create(options: ConnectOptions = {}, urls: Servers = "mqtt://server"): Client {
    const { clock, platform, dialled, strangers } = this;
    const dial: Platform["dial"] = (address, signal, network) => {
      if (!/^(10\.|other|new)/.test(address.host)) return platform.dial(address, signal, network);
      dialled.push(address.host);
      const stranger = new ScriptedServer(clock);
      void stranger.next().then(async (peer) => {
        const count = strangers.push(await peer.expect("connect"));
        const serverReference = this.referring?.(count);
        const reasonCode = serverReference === undefined ? this.refusing : USE_ANOTHER;
        if (reasonCode === undefined) peer.cut();
        else peer.send({ type: "connack", sessionPresent: false, reasonCode, properties: { serverReference } });
      });
      return stranger.dial(address, signal);
    };
    const fixed = { clientId: "c1", protocolVersion: 5, keepAlive: 0 } as const;
    return createClient(urls, { platform: { ...platform, dial }, ...fixed, ...options });
  }
}

async function onlineAt(network: Network, options: ConnectOptions, urls: Servers = "mqtt://server") {
  const client = network.create(options, urls);
  const connecting = client.connect();
  const { authentication } = options;
  const peer = await network.accept(authentication && { properties: { authenticationMethod: authentication.method } });
  await connecting;
  return { client, peer };
}

function refer(peer: ScriptedPeer, serverReference: string, reasonCode = USE_ANOTHER): void {
  peer.send({ type: "disconnect", reasonCode, properties: { serverReference } });
}

/** Lets the client return to its own server. */
const backHome = (network: Network, { authentication }: ConnectOptions = {}): Promise<ScriptedPeer> =>
  network.acceptAgain(authentication && { properties: { authenticationMethod: authentication.method } });

describe("a DISCONNECT that lists 3,200 hosts", () => {
  test.each([USE_ANOTHER, MOVED])(
    "(%i) makes the client dial eight of them once, and then its own server",
    async (code) => {
      const network = new Network();
      const { peer } = await onlineAt(network, { protocolVersion: "auto" });
      refer(peer, HOSTS, code);
      const began = network.clock.now();
      await backHome(network);
      expect(network.dialled).toEqual(["server", ...HOSTS.split(" ").slice(0, 8), "server"]);
      expect(network.clock.now() - began).toBeLessThan(90_000); // 7,252,000 when all were dialled
    },
  );

  test("is not followed with a user name and a password set; the error explains how to allow that", async () => {
    const network = new Network();
    const { client, peer } = await onlineAt(network, { username: "ann", password: "secret" });
    const events = network.recordEvents(client);
    refer(peer, HOSTS);
    await backHome(network);
    expect(network.dialled).toEqual(["server", "server"]);
    expect(network.strangers).toEqual([]);
    expect(events[0]?.value).toMatchObject({
      error: {
        reasonCode: USE_ANOTHER,
        serverReference: HOSTS,
        message: expect.stringContaining('serverReference: "follow"'),
      },
    });
  });

  test("that refer to each other makes the client dial eight in a round", async () => {
    const network = new Network();
    const hosts = (from: number) =>
      HOSTS.split(" ")
        .slice(from, from + 6)
        .join(" ");
    const { peer } = await onlineAt(network, {});
    network.referring = (count) => hosts(6 * count);
    refer(peer, hosts(0));
    await backHome(network);
    expect(network.dialled).toHaveLength(10);
  });
});

describe("data for a server that another server names:", () => {
  const secrets: [string, ConnectOptions, string?][] = [
    ["a user name and a password", { username: "ann", password: "secret" }],
    ["a password without a user name", { password: "secret" }],
    ["those of the URL", {}, "mqtt://ann:secret@server"],
    ["those of a function", { credentials: () => ({ username: "ann", password: "secret" }) }],
    ["enhanced authentication", { authentication: { method: "m", respond: (data) => data } }],
    ["headers", { webSocket: { headers: { authorization: "secret" } } }, "ws://server/mqtt?token=secret"],
  ];

  test.each(secrets)("%s is not sent", async (_, options, url) => {
    const network = new Network();
    const { peer } = await onlineAt(network, options, url);
    refer(peer, "other.example");
    await backHome(network, options);
    expect(network.dialled).toEqual(["server", "server"]);
  });

  test.each(secrets)('%s is sent with serverReference "follow"', async (_, options, url) => {
    const network = new Network();
    const { peer } = await onlineAt(network, { ...options, serverReference: "follow" }, url);
    refer(peer, "other.example");
    await backHome(network, options);
    expect(network.dialled).toEqual(["server", "other.example", "server"]);
  });

  test("a configured server gets its own data, also when another configured server names it", async () => {
    const network = new Network();
    const { peer } = await onlineAt(network, {}, ["mqtt://ann:a@server", "mqtt://bob:b@second:1999"]);
    refer(peer, "other.example SECOND:1999");
    const again = await network.passing(network.server.next());
    expect(await again.expect("connect")).toMatchObject({ username: "bob" });
    expect(network.dialled).toEqual(["server", "second"]);
  });
});

describe("a server that moved (0x9D)", () => {
  test("is not forgotten: each round tries it after its replacement", async () => {
    const network = new Network();
    const { peer } = await onlineAt(network, {});
    refer(peer, "new.example", MOVED);
    (await network.passing(network.server.next())).cut();
    (await network.passing(network.server.next())).cut();
    (await backHome(network)).cut();
    await backHome(network); // it has accepted: it is the current server again
    expect(network.dialled).toEqual([
      "server",
      "new.example",
      "server",
      "new.example",
      "server",
      "new.example",
      "server",
      "server",
    ]);
  });
});

describe("the option serverReference", () => {
  test('"ignore" uses the configured servers only', async () => {
    const network = new Network();
    const { peer } = await onlineAt(network, { serverReference: "ignore" });
    refer(peer, "other.example server");
    await backHome(network);
    expect(network.dialled).toEqual(["server", "server"]);
  });

  test("must be one of three words", () => {
    expect(() => new Network().create({ serverReference: "always" as never })).toThrow(
      'serverReference "always": must be "without-credentials", "follow" or "ignore"',
    );
  });
});

test("a refusal by a referred server does not stop the client", async () => {
  const network = new Network();
  network.refusing = 0x86;
  const { peer } = await onlineAt(network, {});
  refer(peer, "other.example");
  await backHome(network);
  expect(network.dialled).toEqual(["server", "other.example", "server"]);
});

test("a client on a Unix socket follows references only to its configured servers", async () => {
  const network = new Network();
  const { peer } = await onlineAt(network, {}, "unix:server");
  refer(peer, "other.example //run/docker.sock");
  await backHome(network);
  expect(network.dialled).toEqual(["server", "server"]);
});

describe("Server References:", () => {
  const named = (text: string): string[] => serversNamedBy(text).map(({ host, port }) => `${host} ${port ?? "-"}`);

  test.each([
    ["myserver.xyz.org", ["myserver.xyz.org -"]],
    ["myserver.xyz.org:8883", ["myserver.xyz.org 8883"]],
    ["10.10.151.22:8883 [fe80::9610:3eff:fe1c]:1883", ["10.10.151.22 8883", "fe80::9610:3eff:fe1c 1883"]],
    ["A  b:1", ["a -", "b 1"]],
    ["_mqtt.server_1 [::1]", ["_mqtt.server_1 -", "::1 -"]],
  ])("%s yields hosts and ports", (text, servers) => {
    expect(named(text)).toEqual(servers);
  });

  test.each([
    ["host/path", "host?query", "host#part", "user:word@host", "ann@host"],
    ["unix:/run/x", "/run/x", "//host", "mqtt://host", "host:1883/path"],
    ["host:0", "host:65536", "host:99999999", "host:", "host:-1", "host:1e3", ":80", ""],
    ["[::1", "[]:1", "[1.2.3.4]", "[::1]x", "[::1]1883", "::1", "[fe80::1%lo]"],
    ["-Ghost", "ho\nst", "ho\0st", "h\u00f6st", "host\u001b[2J", "a,b", "a;b", "$(a)"],
    ["a".repeat(254), `${"a".repeat(254)}:1883`, "a".repeat(60_000)],
  ])("an invalid host is skipped: %j …", (...texts) => {
    for (const text of texts) expect(named(text)).toEqual([]);
  });
});
