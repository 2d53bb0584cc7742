// @ts-check
// examples/dashboard/dashboard.js with MQTT.js.
import mqtt from "mqtt";

const url = new URLSearchParams(location.search).get("broker") ?? "ws://localhost:8083";
const client = mqtt.connect(url, { protocolVersion: 5 });

/** @param {string} id @param {string} text */
function show(id, text) {
  const element = document.getElementById(id);
  if (element) element.textContent = text;
}

client.on("connect", () => show("connection", `connected to ${url}`));
client.on("offline", () => show("connection", "no connection"));
client.on("error", (error) => show("connection", error.message));

/** @type {Map<string, string>} the last value of each topic */
const readings = new Map();
client.subscribe(["sensors/#", "lamp/state"]);
client.on("message", (topic, payload) => {
  const text = payload.toString();
  if (topic === "lamp/state") return show("lamp", text);
  readings.set(topic, text);
  show("readings", [...readings].map((reading) => reading.join(": ")).join("\n"));
});

let isThere = false; // whether the lamp subscribes; the promise of `publishAsync` does not tell
client.on("packetreceive", ({ cmd, reasonCode }) => {
  if (cmd === "puback") isThere = reasonCode !== 0x10;
});

/** @param {string} command */
async function switchLamp(command) {
  if (!client.connected) return show("command", "no connection"); // otherwise, it could be sent at any later time
  show("command", `sending "${command}"`);
  try {
    const sending = client.publishAsync("lamp/switch", command, { qos: 1 });
    const id = client.getLastMessageId();
    setTimeout(() => client.removeOutgoingMessage(id), 5_000); // an outdated command is useless
    await sending;
    show("command", isThere ? `the server has "${command}"` : "there is no lamp");
  } catch (error) {
    show("command", String(error));
  }
}
for (const command of ["on", "off"])
  document.getElementById(command)?.addEventListener("click", () => switchLamp(command));
