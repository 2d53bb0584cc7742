// A gateway that records: without a server, nothing is accepted; with one, everything goes on as usual.
import { expect, onTestFinished, test } from "vitest";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { Recorder } from "../../src/recording/recorder.ts";
import { type Recording, readRecording } from "../../src/recording/recording.ts";
import { recordingConfiguration } from "../../src/recording/recording-configuration.ts";
import { replay } from "../../src/recording/replay.ts";
import { Gateway } from "../../src/supervise/gateway.ts";
import { configurationOf, Device, GatewayBench, LINES } from "../gateway-bench.ts";

const TOKEN = "t0k3n-secret";
const WEB = `
[[source]]
id = "web"
kind = "http"
listen = "127.0.0.1:0"
path = "/ingest/{node}"
token = "${TOKEN}"
decode = "json"
topic = "w/{node}"
`;
const ZIGBEE = `
[[source]]
id = "zigbee"
kind = "mqtt"
enabled = false
url = "mqtt://127.0.0.1:1"
password = "pa55-w0rd"
subscribe = [{ filter = "z/#", qos = 1 }]
topic = "t"
`;

class Tape {
  text = "";
  readonly recorder = new Recorder({
    maximumBytes: 2 ** 20,
    startedAt: 0,
    write: (line) => {
      this.text += line;
    },
    full: () => expect.fail("the recording is full"),
  });

  get recording(): Recording {
    const { recording, problem } = readRecording(this.text);
    return recording ?? expect.fail(problem);
  }
}

const configuration = configurationOf({
  sources: LINES + WEB + ZIGBEE,
  spool: 'dir = "/none/spool"',
  more: '[admin]\nsocket = "/none/admin"\n',
});

test("without a server, devices are told that nothing is accepted, and nothing else is opened", async () => {
  const tape = new Tape();
  const gateway = await Gateway.start(recordingConfiguration(configuration), {
    log: () => {},
    recorder: tape.recorder,
    connects: false,
  });
  onTestFinished(() => gateway.stop());
  const { sources, metrics } = gateway.status;
  expect([Object.keys(sources), metrics]).toEqual([["lines", "web"], undefined]);
  const device = await Device.connect(Number(new URL(sources["lines"]?.url ?? "").port));
  device.send("1,a\nx\n2,b\n");
  while (device.answers.length < 3) await new Promise((resolve) => setImmediate(resolve));
  expect(device.answers).toEqual(["no offline", "no decode", "no offline"]);
  const posted = (node: string) =>
    fetch(`${sources["web"]?.url}/ingest/${node}`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: '{"a":1}',
    });
  expect((await posted("kitchen")).status).toBe(503);
  await gateway.stop();
  expect(gateway.status.spool.records).toBe(0);
  expect(tape.text).not.toContain(TOKEN);
  const shown = [...replay(tape.recording, configuration)].join("");
  expect(shown).toContain("record t/1  qos 1  3 bytes  1,a");
  expect(shown).toContain('record w/kitchen  qos 1  7 bytes  {"a":1}');
  expect(shown).toMatch(/frames: 4, records: 3, dropped "decode": 1\n$/);
});

test("one source is recorded also if it is not enabled, and an MQTT source gets a session of its own", () => {
  const { sources } = recordingConfiguration(configuration, "zigbee");
  expect(sources).toHaveLength(1);
  expect(sources[0]).toMatchObject({ id: "zigbee", enabled: true, qos: 0, sessionExpiry: 0 });
  const [, , zigbee] = configuration.sources;
  if (zigbee?.kind !== "mqtt" || sources[0]?.kind !== "mqtt") return expect.fail();
  expect(sources[0].clientId).toBe(`${zigbee.clientId}-record`);
});

test("a gateway that runs publishes what its recording replays", async () => {
  const tape = new Tape();
  const bench = await GatewayBench.start({ recorder: tape.recorder });
  const device = await bench.connect();
  device.sendLines(1, 50);
  device.send("x\n");
  await bench.until(() => device.answers.length === 51);
  await bench.until(() => bench.messages.length === 50);
  await bench.stop();
  const shown = [...replay(tape.recording, bench.configuration)].join("");
  const topics = [...shown.matchAll(/^ +record (\S+)/gm)].map(([, topic]) => topic);
  expect(topics).toEqual(bench.topics);
  expect(shown).toMatch(/frames: 51, records: 50, dropped "decode": 1\n$/);
});

test("the answer of a poll is replayed as an answer, with the record that it became", () => {
  const polled = configurationOf({
    sources: `
[[source]]
id = "boiler"
kind = "tcp"
connect = "127.0.0.1:1"
topic = "house/boiler"
[[source.poll]]
every = "30s"
send = "READ?"
expect = "T="
decode = { format = "text", template = "T={celsius:f32}" }
`,
  });
  const [source] = polled.sources;
  if (source === undefined) return expect.fail();
  const tape = new Tape();
  const pipeline = createPipeline(source, polled.gateway, { wallTime: () => 0 });
  const tapped = tape.recorder.tap(pipeline, source.id, () => 0);
  const [poll] = pipeline.polls;
  if (poll === undefined) return expect.fail();
  const wire = tapped.open({ peer: "127.0.0.1", port: 1 }, { take: () => ({ request: poll }) });
  const outcomes = wire.push(Buffer.from("T=21.5\n"), 0);
  expect(outcomes.map(({ records }) => records.length)).toEqual([1]);
  const shown = [...replay(tape.recording, polled)].join("");
  expect(shown).toContain('record house/boiler  qos 1  16 bytes  {"celsius":21.5}');
});
