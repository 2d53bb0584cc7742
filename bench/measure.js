// One measurement in a process of its own: node measure.js CLIENT CASE PORT. Prints messages per second.
const [name, what, port] = process.argv.slice(2);
const { open } = await import(`./clients/${name}.js`);
const [direction, qosText, count, size] = what.split("/");
const qos = Number(qosText);
const n = Number(count);
const payload = Buffer.alloc(Number(size), 0x2a);
const client = await open(Number(port));

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

const work = direction === "publish" ? publish : receive;
if (direction === "publish") await work(Math.min(n / 5, 20_000)); // warm up
const start = process.hrtime.bigint();
await work(n);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(Math.round(n / seconds));
await client.close();
