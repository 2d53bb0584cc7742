// @ts-check
// URLs of servers: text from a configuration, or from a server that refers to another one. Both imports are separate
// modules: the bundle of "@aiko/mqtt" for Node has its own UsageError.
const built = new URL("../../packages/mqtt/dist/", import.meta.url);
/** @type {typeof import("../../packages/mqtt/src/client/connecting/server-url.ts")} */
const { parseServerUrl } = await import(new URL("client/connecting/server-url.js", built).href);
/** @type {typeof import("../../packages/mqtt/src/errors.ts")} */
const { UsageError } = await import(new URL("errors.js", built).href);

/** Text whose bytes stand for typical parts of URLs, and for themselves. @param {Uint8Array} food */
function textOf(food) {
  const words = [
    "mqtt://",
    "mqtts://",
    "ws://",
    "wss://",
    "unix:",
    "@",
    ":",
    "/",
    "[",
    "]",
    "?",
    "#",
    "%",
    ",",
    "//",
    "\0",
  ];
  return Array.from(food, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : words[byte & 15])).join("");
}

/**
 * A URL is rejected with the expected error, in one line and without its password, or yields a host, and a name that
 * stands for the same server.
 *
 * @type {import("./targets.js").Target}
 */
export function url(food) {
  const text = textOf(food);
  const secret = "Pa55w0rd";
  const withSecret = text.replace("://", `://ann:${secret}@`);
  for (const given of new Set([text, withSecret])) {
    let parsed;
    try {
      parsed = parseServerUrl(given);
    } catch (error) {
      if (!(error instanceof UsageError) || error.code !== "URL_INVALID") throw error;
      if (error.message.includes(secret)) throw new Error(`the message has the password: ${error.message}`);
      assertOneLine(error.message);
      continue;
    }
    const { address, name, password } = parsed;
    if (password?.includes(secret) && name.includes(secret)) throw new Error(`the name has the password: ${name}`);
    assertOneLine(name);
    if (address.scheme === "unix") continue;
    if (hasControls(address.host)) throw new Error(`the host ${JSON.stringify(address.host)} has control characters`);
    if (!(Number.isInteger(address.port) && address.port > 0 && address.port < 65_536)) throw new Error("not a port");
    const again = parseServerUrl(name).address; // except its query, which names omit
    const { scheme, host, port } = address;
    if (again.scheme !== scheme || again.host !== host || again.port !== port)
      throw new Error(`${name} is another server`);
  }
}

/** @param {string} text */
function hasControls(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return /[\0-\x1f\x7f]/.test(text);
}

/** @param {string} text */
function assertOneLine(text) {
  if (hasControls(text)) throw new Error(`control characters in ${JSON.stringify(text)}`);
}

/** @returns {Uint8Array[]} */
export function urlSeeds() {
  const urls = [
    "mqtt://broker.example",
    "mqtts://ann:secret@broker.example:8883",
    "ws://broker.example:8080/mqtt?token=x#y",
    "wss://[::1]:443/mqtt",
    "tcp://127.0.0.1:1883/",
    "unix:/run/broker.sock",
    "mqtt://a%40b:c%3Ad@[fe80::1%25eth0]",
    "mqtt://a:1883,b:1883",
    "MQTT://HOST:65535",
    "http://x",
    "mqtt:broker",
    "mqtt://ho st:1",
  ];
  return urls.map((each) => Uint8Array.from([0, ...Buffer.from(each)]));
}
