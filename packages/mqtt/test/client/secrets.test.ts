// Secrets stay in the client: they never appear when it is printed, serialized or inspected.
import { inspect } from "node:util";
import { type Client, type ConnectOptions, createClient } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { parseServerUrl } from "../../src/client/connecting/server-url.ts";
import { Bench, message, subscribed, watch } from "./bench.ts";

const SECRET = "5ecret";

/** Every way in which a program may print an object. */
function printed(value: unknown): string {
  const forms = [inspect(value, { depth: Infinity }), inspect(value, { depth: Infinity, getters: true }), `${value}`];
  try {
    forms.push(JSON.stringify(value) ?? "");
  } catch {
    // a circular structure has no JSON
  }
  const { stack = "", message = "", cause } = (value ?? {}) as Partial<Error>;
  if (cause !== undefined) forms.push(printed(cause));
  return [...forms, stack, message].join("\n");
}

const bytes = new TextEncoder().encode(SECRET);
const leaks = (text: string): boolean =>
  text.includes(SECRET) ||
  text.includes(inspect(bytes).slice(15, -2)) ||
  text.includes(JSON.stringify(bytes).slice(1, -1)) ||
  text.includes(btoa(SECRET));

const pem = (title: string): string => `-----BEGIN ${title}-----\n${SECRET}\n-----END ${title}-----`;
const places: [string, ConnectOptions, string?][] = [
  ["password", { username: "ann", password: SECRET }],
  ["password as bytes", { username: "ann", password: bytes }],
  ["password of the URL", {}, `mqtt://ann:${SECRET}@server`],
  ["query of the URL", {}, `ws://server/mqtt?token=${SECRET}`],
  ["credentials", { credentials: () => ({ username: "ann", password: SECRET }) }],
  ["headers", { webSocket: { headers: { authorization: SECRET } } }, "ws://server/mqtt"],
  [
    "key and passphrase",
    { tls: { certificate: pem("CERTIFICATE"), key: pem("PRIVATE KEY"), passphrase: SECRET } },
    "mqtts://server",
  ],
  ["pre-shared key", { tls: { psk: { identity: "ann", key: bytes } } }, "mqtts://server"],
  ["proxy", { proxy: `http://ann:${SECRET}@proxy:3128` }],
  ["authentication data", { authentication: { method: "m", begin: () => bytes, respond: () => bytes } }],
];

describe.each(places)("the %s", (_, options, url = "mqtt://server") => {
  const connack = options.authentication && { properties: { authenticationMethod: "m" } };

  test("is not shown when a client, its subscriptions, messages, events and errors are printed", async () => {
    const bench = new Bench();
    const client = bench.create(options, url);
    const told: unknown[] = [client];
    for (const name of ["connected", "disconnected", "reconnecting", "error", "closed"] as const)
      client.on(name, (value: unknown) => told.push(value));
    const connecting = client.connect();
    told.push(connecting);
    const peer = await bench.accept(connack);
    told.push(await connecting);
    const subscription = await subscribed(bench, client, peer, "a");
    told.push(subscription, client.statistics);
    const iterator = subscription[Symbol.asyncIterator]();
    await bench.deliver(peer, message("a", "1"));
    told.push((await iterator.next()).value, printed(client));
    const publishing = watch(client.publish("b", "2", { qos: 1 }));
    await bench.deliver(peer, { type: "disconnect", reasonCode: 0x9c, properties: { serverReference: "other" } });
    told.push(printed(client));
    (await bench.passing(bench.server.next())).cut();
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    told.push(publishing.error, client);
    for (const each of told) expect(leaks(printed(each)), printed(each)).toBe(false);
  });
});

test("printing a client shows what distinguishes it from others", () => {
  const client: Client = createClient("mqtt://server", { clientId: "c1", password: SECRET, username: "ann" });
  expect(JSON.parse(JSON.stringify(client))).toEqual({ clientId: "c1", connected: false });
  expect(inspect(client)).toBe("Client { clientId: 'c1', connected: false, protocolVersion: undefined }");
});

describe("an invalid URL is not quoted with its secrets", () => {
  test.each([
    `mqtt://ann:${SECRET}@host:x`,
    `mqtt://ann:${SECRET}`,
    `mqtt://ann:${SECRET}/path`,
    `mqtt://ann:${SECRET}@`,
    `mqtt://ann:${SECRET}%@host`,
    `mqtt:/ann:${SECRET}@host`,
    `http://ann:${SECRET}@host`,
    `ann:${SECRET}@host`,
    `ws://host:x/p?token=${SECRET}`,
    `ws://host:x/p?token=a@${SECRET}`,
    `ws://host:x/p#token=${SECRET}`,
    `ws://host:x/p#${SECRET}@${SECRET}`,
    `http://host/?token=${SECRET}`,
    `mqtt://host/p?token=${SECRET}`,
    `mqtt://ann:a?${SECRET}@host:x`,
    `mqtt://ann:${SECRET}#b@host`,
    `mqtt://ann:${SECRET}/b@host`,
    `mqtt://[::1/p?${SECRET}`,
  ])("%s", (url) => {
    let thrown: unknown;
    try {
      parseServerUrl(url);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "URL_INVALID" });
    expect(printed(thrown)).not.toContain(SECRET);
  });
});
