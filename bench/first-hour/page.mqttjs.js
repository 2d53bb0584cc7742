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
  if (topic === "lamp/state") {
    show("lamp", text);
    return;
  }
  readings.set(topic, text);
  show("readings", [...readings].map((reading) => reading.join(": ")).join("\n"));
});

let isThere = false; // whether the lamp subscribes: the promise of `publishAsync` does not say it
client.on("packetreceive", ({ cmd, reasonCode }) => {
  if (cmd === "puback") isThere = reasonCode !== 0x10;
});

/** @param {string} command */
async function switchLamp(command) {
  if (!client.connected) {
    show("command", "no connection"); // a command that waits for a connection would be sent at any time later
    return;
  }
  show("command", `sending "${command}"`);
  // What MQTT.js cannot do: give a message up after five seconds.
  try {
    await client.publishAsync("lamp/switch", command, { qos: 1 });
    show("command", isThere ? `the server has "${command}"` : "there is no lamp");
  } catch (error) {
    show("command", String(error));
  }
}
for (const command of ["on", "off"]) {
  document.getElementById(command)?.addEventListener("click", () => switchLamp(command));
}
