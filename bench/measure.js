// One measurement in a process of its own: node measure.js CLIENT CASE PORT. Prints messages per second, and in a second
// line what else the client has to say of them.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

const [name, what, port] = process.argv.slice(2);
const { open } = await import(`./clients/${name}.js`);
const [direction, qosText, count, size] = what.split("/");
const qos = Number(qosText);
const n = Number(count);
const payload = Buffer.alloc(Number(size), 0x2a);
// On the disk of this directory: what is for temporary files may be memory.
const directory = direction === "durable" ? mkdtempSync(join(import.meta.dirname, "session-")) : undefined;
const client = await open(Number(port), { directory });

async function publish(total) {
  let sent = 0;
  const window = qos === 0 ? 500 : 1000;
  const lane = async () => {
    while (sent < total) {
      let last;
      for (let i = 0; i < 100 && sent < total; i++, sent++) last = client.publish("bench/topic", payload, qos);
      await last;
    }
  };
  await Promise.all(Array.from({ length: window / 100 }, lane));
  await client.publish("bench/topic", payload, 1); // everything before it has arrived
}

function receive(total) {
  return new Promise((resolve, reject) => {
    let got = 0;
    client
      .subscribe(`flood/${qos}/${total}/${size}`, qos, () => {
        if (++got === total) resolve();
      })
      .catch(reject);
  });
}

const work = direction === "receive" ? receive : publish;
if (direction !== "receive") await work(Math.min(n / 5, 20_000)); // warm up
const start = process.hrtime.bigint();
await work(n);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(Math.round(n / seconds));
const note = client.note?.();
if (note !== undefined) console.log(JSON.stringify(note));
await client.close();
if (directory !== undefined) rmSync(directory, { recursive: true });
