// What the programs share: their settings come as one argument of JSON, their figures go out as one line of JSON.
/** @type {unknown} */
export const settings = JSON.parse(process.argv[2] ?? "null");

/**
 * Opens the client that the settings name, at the port that they name.
 *
 * @param {import("../clients/client.ts").OpenOptions} [options]
 * @returns {Promise<import("../clients/client.ts").Client>}
 */
export async function openClient(options) {
  const { client, port } = /** @type {{ client: string, port: number }} */ (settings);
  return (await import(`../clients/${client}.js`)).open(port, options);
}

/**
 * The last thing that a program does: thousands of goodbyes, or a client that would not let the process end, are not measured.
 *
 * @param {import("./interface.ts").Reports[import("./interface.ts").ProgramName]} figures
 */
export function report(figures) {
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

/** @param {number} milliseconds */
export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Publishes `count` messages in lanes, each of which awaits the last of its batch before the next.
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
 * Runs `work`, and says what it took of time and of this process's processor time.
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

/** The value below which the given part of the sorted list lies; NaN of an empty one. @param {ArrayLike<number>} sorted @param {number} part */
export const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
