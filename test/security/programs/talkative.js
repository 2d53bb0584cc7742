// A program that prints every object of the library, with secrets in every possible place. The test next to it searches
// its output. Each part ends with a separate line, so that the test knows how many there are.
import { inspect } from "node:util";
import { connect, createClient, platform } from "@aiko/mqtt";
import { client as classic } from "@aiko/mqtt/classic";
import { createClient as createSmallClient } from "@aiko/mqtt/small";
import { Broker } from "@aiko/mqtt-broker";

const secret = process.env["TALKATIVE_SECRET"] ?? "";
const bytes = new TextEncoder().encode(secret);
const pem = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`;

/** @param {string} what @param {unknown} value */
function tell(what, value) {
  const { message, stack, cause } = /** @type {Partial<Error>} */ (value ?? {});
  const forms = [() => `${value}`, () => JSON.stringify(value), () => message, () => stack, () => cause];
  const shown = forms.map((form) => {
    try {
      return form();
    } catch {
      return "has no such form";
    }
  });
  console.log(value);
  console.error(value);
  console.dir(value, { depth: Infinity, showHidden: true });
  console.log("%o %O %j", value, value, shown);
  console.log(inspect(value, { depth: Infinity, getters: true, showProxy: true }), ...shown);
  console.log(`--- ${what}`);
}

const broker = await Broker.listen({
  port: 0,
  authenticate: ({ username, password }) => username === "ann" && new TextDecoder().decode(password) === secret,
});
for (const event of /** @type {const} */ (["connected", "refused", "disconnected", "subscribed", "published", "error"]))
  broker.on(event, (value) => tell(`the broker's event ${event}`, value));
tell("the broker", broker);
tell("the broker's statistics", broker.statistics);

const will = { topic: "ann/status", payload: "gone" };
const client = createClient(broker.url, { username: "ann", password: secret, will, clientId: "whole" });
for (const event of /** @type {const} */ (["connected", "disconnected", "closed", "error", "packet"]))
  client.on(event, (value) => tell(`the client's event ${event}`, value));
tell("a client before it connects", client);
tell("its promise", client.connect());
await client.waitFor("connected");
tell("a client that is connected", client);
tell("its statistics", client.statistics);
const subscription = await client.subscribe("a/#", { qos: 1, onMessage: (message) => tell("a message", message) });
tell("a subscription", subscription);
tell("the result of a publish", await client.publish("a/b", "text", { qos: 1 }));
await client.disconnect();
tell("a client that is closed", client);

const small = createSmallClient("ws://127.0.0.1:1", { username: "ann", password: secret, platform });
tell("a small client", small);
await small.disconnect();
tell("a classic client", classic.create("127.0.0.1", 1));

const at = broker.url.slice("mqtt://".length);
const closed = "127.0.0.1:1";
const { url } = broker;
/** @type {[what: string, url: string, options: import("@aiko/mqtt").ConnectOptions][]} */
const failures = [
  ["a wrong password", url, { username: "ann", password: `${secret}x` }],
  ["a wrong password in a URL", `mqtt://ann:${secret}x@${at}`, {}],
  ["a server that is away", `mqtt://ann:${secret}@${closed}`, {}],
  ["a URL without a host", `mqtt://ann:${secret}`, {}],
  ["a URL of another scheme", `http://ann:${secret}@${at}`, {}],
  ["a WebSocket with a token in its query", `ws://${closed}/mqtt?token=${secret}`, {}],
  ["a WebSocket with a header", `ws://${closed}/mqtt`, { webSocket: { headers: { authorization: secret } } }],
  ["an invalid header", `ws://${closed}/mqtt`, { webSocket: { headers: { authorization: `${secret}\n` } } }],
  ["a proxy", url.replace("127.0.0.1", "host.example"), { proxy: `http://ann:${secret}@${closed}` }],
  ["an invalid proxy", url, { proxy: `gopher://ann:${secret}@${closed}` }],
  ["an invalid key", `mqtts://${at}`, { tls: { certificate: pem, key: pem, passphrase: secret } }],
  ["a shared key", `mqtts://${at}`, { tls: { psk: { identity: "ann", key: bytes } } }],
  [
    "a shared key that is too long",
    `mqtts://${at}`,
    {
      tls: {
        psk: {
          identity: "ann",
          key: new Uint8Array(
            Array(9)
              .fill([...bytes])
              .flat(),
          ),
        },
      },
    },
  ],
  ["credentials that are refused", url, { credentials: () => ({ username: "ann", password: `${secret}x` }) }],
  [
    "credentials of a wrong type",
    url,
    { credentials: () => /** @type {any} */ ({ username: "ann", password: [secret] }) },
  ],
  ["a password of a wrong type", url, { username: "ann", password: /** @type {any} */ ({ secret }) }],
  ["a password in the place of options", url, /** @type {any} */ (secret)],
  ["a password in the place of credentials", url, { credentials: /** @type {any} */ (secret) }],
  ["a key in the place of tls", `mqtts://${at}`, { tls: /** @type {any} */ (pem) }],
  ["a token in the place of authentication", url, { authentication: /** @type {any} */ (secret) }],
  ["invalid headers", `ws://${closed}/`, { webSocket: { headers: /** @type {any} */ (secret) } }],
  ["authentication data", url, { authentication: { method: "m", begin: () => bytes, respond: () => bytes } }],
];
for (const [what, server, options] of failures) {
  const error = await connect(server, options).catch((/** @type {unknown} */ reason) => reason);
  if (!(error instanceof Error)) throw new Error(`${what}: was expected to fail`);
  tell(what, error);
}
await broker.close();
tell("a broker that is closed", broker);
