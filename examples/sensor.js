// @ts-check
// A sensor: publishes a reading each second. Its status is "online" while it is connected, and "offline" after that. The server may be
// unreachable at the start or later: the newest reading waits until it is back. Ends on ^C.
//   node examples/sensor.js [mqtt://localhost:1883] [attic]
import { ClosedError, createClient, ReasonCode } from "@aiko/mqtt";

const [url = "mqtt://localhost:1883", name = "attic"] = process.argv.slice(2);
const client = createClient(url, {
  clientId: `sensor-${name}`,
  will: { topic: `status/${name}`, payload: "offline", qos: 1, retain: true },
  outbox: { policy: "keep-latest" }, // only the newest reading of each topic waits
});

let replaced = 0;
client.on("connected", async ({ server }) => {
  console.log(`connected to ${server}; readings replaced by newer ones: ${replaced}`);
  replaced = 0;
  await client.publish(`status/${name}`, "online", { qos: 1, retain: true });
});
client.on("reconnecting", ({ error }) => console.error(error.message));

const timer = setInterval(() => {
  const celsius = (20 + Math.random()).toFixed(1);
  client.publish(`sensors/${name}/celsius`, celsius, { qos: 1 }).catch((error) => {
    if (error.code === "OUTBOX_REPLACED") replaced++;
    else console.error(`lost ${celsius}: ${error.message}`);
  });
}, 1_000);

client.connect({ retry: true }).catch((error) => {
  if (!(error instanceof ClosedError)) throw error; // a wrong password, for example
});

const reasonCode = ReasonCode.DISCONNECT_WITH_WILL_MESSAGE; // the server publishes "offline"
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => client.disconnect({ reasonCode }));
const { error } = await client.waitFor("closed");
clearInterval(timer);
if (error) throw error;
