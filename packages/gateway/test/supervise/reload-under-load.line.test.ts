// 100 reloads while devices send: each changes a source, the uplink's limits, and adds and removes sources. What did not change is not touched.
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Device, GatewayBench, LINES, numbered } from "../gateway-bench.ts";
import { deviceDirectory } from "../source/device-directory.ts";
import { SerialLine } from "../source/serial-line.ts";

const RELOADS = 100;
/** Lines of each device before a reload. */
const LINES_EACH = 20;
/** Milliseconds for all reloads. */
const MOST_TIME = 100_000;

const serialSource = (device: string): string => `
[[source]]
id = "serial"
kind = "serial"
device = "${device}"
baud = 115200
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "s/{n}"
payload = "raw"
acknowledge = "ok {n}\\n"
`;

const named = (id: string, more = ""): string =>
  `${LINES.replace('"lines"', `"${id}"`).replace("t/{n}", `${id}/{n}`)}${more}\n`;

/** What the configuration has in addition to the two sources that stay the same. */
function others(round: number): string {
  const changed = named("changed", `idle = "${60 + round}s"`);
  const visitor = round % 2 === 0 ? named(`visitor${round % 6}`) : "";
  return changed + visitor;
}

/** A device that repeats a line until it is acknowledged, as the documentation asks of devices on wires that may be closed. */
async function deliver(bench: GatewayBench, source: string, n: number): Promise<void> {
  for (;;) {
    await bench.until(() => bench.gateway.status.sources[source]?.url !== undefined);
    const device = await bench.connect(source).catch(() => undefined);
    if (device === undefined) continue; // closed meanwhile
    device.sendLines(n, n);
    await bench.until(() => device.answers.length === 1 || device.isEnded || device.isClosed);
    const isAcknowledged = device.answers.includes(`ok ${n}`);
    device.socket.destroy();
    if (isAcknowledged) return;
  }
}

test("100 reloads under load lose nothing, and leave unchanged sources alone", async () => {
  const path = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(path);
  const unchanged = LINES + serialSource(path);
  const bench = await GatewayBench.start({ sources: unchanged, more: others(0) });
  const device: Device = await bench.connect();
  await bench.until(() => bench.source("serial").state === "up");
  const before = [bench.url(), bench.source("serial").url];
  const began = performance.now();
  for (let round = 1; round <= RELOADS; round++) {
    const [from, to] = [(round - 1) * LINES_EACH + 1, round * LINES_EACH];
    device.sendLines(from, to);
    line.send(
      numbered(from, to)
        .map((n) => `${n},x\n`)
        .join(""),
    );
    const configuration = bench.configurationWith({
      sources: unchanged,
      more: others(round),
      uplink: `inflight = ${1 + (round % 50)}\nrate = ${round % 3 === 0 ? 0 : 1_000_000}`,
    });
    const delivered = deliver(bench, "changed", round); // while it is being reopened
    await bench.gateway.reload(configuration);
    await delivered;
    if (round % 2 === 0) await deliver(bench, `visitor${round % 6}`, round);
  }
  const sent = RELOADS * LINES_EACH;
  await bench.until(() => device.answers.length === sent && line.answers.length === sent);
  const accepted = ["lines", "serial", "changed", "visitor0", "visitor2", "visitor4"];
  await bench.until(() => accepted.every((id) => bench.counts(id).spooled === 0));
  expect(performance.now() - began).toBeLessThan(MOST_TIME);

  expect([bench.url(), bench.source("serial").url]).toEqual(before);
  expect([device.isEnded, bench.source("lines").connections, bench.source("serial").connections]).toEqual([
    false,
    1,
    1,
  ]);
  for (const id of ["lines", "serial"]) {
    expect(bench.source(id).reopens).toBe(0);
    expect(bench.log.filter((each) => each.includes(`source=${id} `) && each.includes("is up"))).toHaveLength(1);
    expect(bench.counts(id)).toEqual({ in: sent, out: sent, spooled: 0, dropped: {} });
  }
  const okays = numbered(1, sent).map((n) => `ok ${n}`);
  expect(device.answers).toEqual(okays);
  expect(line.answers).toEqual(okays);
  // What was in flight when the uplink changed is published again; the order of the first copies is that of the device.
  await bench.until(() => new Set(bench.topics).size === 2 * sent + RELOADS + RELOADS / 2);
  const first = [...new Set(bench.topics)];
  expect(first.filter((topic) => topic.startsWith("t/"))).toEqual(numbered(1, sent).map((n) => `t/${n}`));
  expect(first.filter((topic) => topic.startsWith("s/"))).toEqual(numbered(1, sent).map((n) => `s/${n}`));
});
