// A gateway whose machine keeps records in a MemorySpool, as a router's does: order, counts and bounds are those of the spool on disk.
import { Readable } from "node:stream";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { MemorySpool } from "@aiko/mqtt-store";
import { expect, onTestFinished, test } from "vitest";
import { expectBalanced } from "../../../store/test/spool/spool-checks.ts";
import type { Configuration } from "../../src/configuration/configuration.ts";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import { noDeviceList } from "../../src/presence/device-list.ts";
import { Gateway } from "../../src/supervise/gateway.ts";
import { nodeMachine } from "../../src/supervise/node-machine.ts";

function configured(url: string, spool: string): Configuration {
  const text = `[gateway]
id = "g"
log = "error"
[uplink]
url = "${url}"
reconnect = { min = "10ms", max = "20ms" }
[spool]
mode = "memory"
${spool}
[[source]]
id = "in"
kind = "stdin"
topic = "t"
decode = { format = "raw" }
payload = "raw"
first = "keep"`;
  const { configuration, problems } = readConfiguration(text, { file: "g.toml", environment: {}, readFile: () => "" });
  if (problems !== undefined) expect.fail(JSON.stringify(problems));
  return configuration;
}

/** A gateway that reads these lines. */
async function start(url: string, lines: readonly string[], spool = ""): Promise<Gateway> {
  const input = Readable.from(lines.map((line) => Buffer.from(`${line}\n`)));
  const machine = nodeMachine({ input, log: () => {} });
  const { clock } = machine.platform;
  const gateway = await Gateway.start(configured(url, spool), {
    machine: {
      ...machine,
      async openStorage({ spool: { maxBytes, maxRecords, maxAge, full } }) {
        const options = { maximumBytes: maxBytes, maximumRecords: maxRecords, maximumAge: maxAge };
        const policy = full === "drop-newest" ? "reject" : full;
        const kept = { now: () => clock.now(), wallTime: () => Date.now() };
        return { spool: new MemorySpool({ ...options, full: policy, clock: kept }), devices: noDeviceList };
      },
    },
  });
  onTestFinished(() => gateway.stop());
  return gateway;
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n}`);

test("records are delivered in order, and the gateway ends with its input when all are delivered", async () => {
  await using broker = await Broker.listen({ port: 0 });
  await using client = await connect(broker.url);
  const received: string[] = [];
  await client.subscribe("t", { qos: 1, onMessage: (message) => void received.push(message.text()) });
  const gateway = await start(broker.url, numbered(2_000));
  expect(await gateway.ended).toBeUndefined();
  await expect.poll(() => received.length).toBe(2_000);
  expect(received).toEqual(numbered(2_000));
  const { spool } = gateway.status;
  expect(spool.sources["in"]).toEqual({ in: 2_000, out: 2_000, spooled: 0, dropped: {} });
});

test.each([
  ["reject", "the source is not read", { spooled: 10 }],
  ["drop-newest", "new records are dropped", { spooled: 10, dropped: { full: 90 } }],
  ["drop-oldest", "old records are dropped", { spooled: 10, dropped: { full: 90 } }],
])("without a server, and with full = %j, %s", async (full, _, expected) => {
  const gateway = await start("mqtt://127.0.0.1:1", numbered(100), `max_records = 10\nfull = "${full}"`);
  await expect.poll(() => gateway.status.spool.sources["in"]).toMatchObject(expected);
  expectBalanced({ statistics: gateway.status.spool });
});
