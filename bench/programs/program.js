// Shared by the programs. They receive their settings as one JSON argument, and print their figures as one line of JSON.
/** @type {unknown} */
export const settings = JSON.parse(process.argv[2] ?? "null");

/**
 * Opens the client that is named in the settings, at the port in the settings.
 *
 * @param {import("../clients/client.ts").OpenOptions} [options]
 * @returns {Promise<import("../clients/client.ts").Client>}
 */
export async function openClient(options) {
  const { client, port } = /** @type {{ client: string, port: number }} */ (settings);
  return (await import(`../clients/${client}.js`)).open(port, options);
}

/**
 * Prints the figures and exits. Thousands of disconnections, and a client that keeps the process alive, are therefore not measured.
 *
 * @param {import("./interface.ts").Reports[import("./interface.ts").ProgramName]} figures
 */
export function report(figures) {
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

/** @param {number} milliseconds */
export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Publishes `count` messages in lanes. Each lane awaits the last message of a batch before the next batch.
 *
 * @param {import("../clients/client.ts").Client} client
 * @param {{ count: number, qos: 0 | 1 | 2, payload: Buffer, lanes: number, batch: number }} load
 */
export async function publishMany(client, { count, qos, payload, lanes, batch }) {
  let sent = 0;
  const lane = async () => {
    while (sent < count) {
      /** @type {Promise<unknown> | undefined} */
      let last;
      for (let i = 0; i < batch && sent < count; i++, sent++) last = client.publish("bench/topic", payload, qos);
      await last;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await client.publish("bench/topic", payload.subarray(0, 1), 1); // everything before it has arrived
}

/**
 * Runs `work`, and returns its time and the processor time of this process.
 *
 * @param {number} count of messages
 * @param {() => Promise<unknown>} work
 */
export async function timed(count, work) {
  const used = process.cpuUsage();
  const start = process.hrtime.bigint();
  await work();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(used);
  return { rate: Math.round(count / seconds), processor: (user + system) / count };
}

/** Returns the value below which the given part of the sorted list lies; NaN for an empty list. @param {ArrayLike<number>} sorted @param {number} part */
export const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
