// @ts-check
// Serves the dashboard, with a broker and a lamp. Ends on ^C. In a clone, after `npm ci && npm run build`:
//   node examples/dashboard/serve.js [8080] [8083] [1883]
//   node examples/sensor.js
// The ports: the page, the broker's WebSockets, the broker's TCP connections.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";

const [port = "8080", webSocketPort = "8083", brokerPort = "1883"] = process.argv.slice(2);
const root = new URL("../../", import.meta.url);
/** The files that a page may load, and their types. */
const files = new Map([
  ["/examples/dashboard/index.html", "text/html"],
  ["/examples/dashboard/dashboard.js", "text/javascript"],
  ["/packages/mqtt/dist/browser/mqtt-small.js", "text/javascript"],
]);

const broker = await Broker.listen({
  listeners: [{ url: `mqtt://localhost:${brokerPort}` }, { url: `ws://localhost:${webSocketPort}` }],
});
const [url = "", webSocketUrl = ""] = broker.urls;

const lamp = await connect(url, { clientId: "lamp" });
/** @param {string} state */
const report = (state) => lamp.publish("lamp/state", state, { qos: 1, retain: true });
await lamp.subscribe("lamp/switch", { qos: 1, onMessage: (message) => report(message.text()) });
await report("off");

const server = createServer(async ({ url: path = "" }, response) => {
  const { pathname } = new URL(path, "http://localhost");
  const type = files.get(pathname);
  if (type) response.writeHead(200, { "content-type": type }).end(await readFile(new URL(`.${pathname}`, root)));
  else response.writeHead(404).end();
}).listen(Number(port), "localhost", () => {
  const { port: bound } = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`open http://localhost:${bound}/examples/dashboard/index.html?broker=${webSocketUrl}`);
});

await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
server.close();
server.closeAllConnections();
await lamp.disconnect();
await broker.close();
