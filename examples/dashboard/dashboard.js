// @ts-check
// The dashboard's page: shows the last value of each topic under sensors/, and switches a lamp. serve.js serves it.
import { createClient } from "@aiko/mqtt/small";

const url = new URLSearchParams(location.search).get("broker") ?? "ws://localhost:8083";
const client = createClient(url);

/** @param {string} id @param {string} text */
function show(id, text) {
  const element = document.getElementById(id);
  if (element) element.textContent = text;
}

client.on("connected", () => show("connection", `connected to ${url}`));
client.on("reconnecting", ({ error }) => show("connection", error.message));

/** @type {Map<string, string>} the last value of each topic */
const readings = new Map();
client.subscribe("sensors/#", {
  onMessage(message) {
    readings.set(message.topic, message.text());
    show("readings", [...readings].map((reading) => reading.join(": ")).join("\n"));
  },
});
client.subscribe("lamp/state", { onMessage: (message) => show("lamp", message.text()) });

/** @param {string} command */
async function switchLamp(command) {
  show("command", `sending "${command}"`);
  try {
    const signal = AbortSignal.timeout(5_000); // an outdated command is useless
    const { reasonCode } = await client.publish("lamp/switch", command, { qos: 1, signal });
    show("command", reasonCode === 0 ? `the server has "${command}"` : "there is no lamp");
  } catch (error) {
    show("command", String(error));
  }
}
for (const command of ["on", "off"])
  document.getElementById(command)?.addEventListener("click", () => switchLamp(command));

/** Retries until the server accepts the client. After that, the client reconnects by itself. */
const connect = () =>
  client.connect().catch((error) => {
    show("connection", String(error));
    setTimeout(connect, 2_000);
  });
connect();
