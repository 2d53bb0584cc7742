// A gateway of a test: with an embedded broker behind a link that can be cut, its log, and the law that holds at the end of every test.
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Client, type Clock, createClient, type Message, platform as nodePlatform } from "@aiko/mqtt";
import { FakeClock, FaultyLink } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { problemText } from "@aiko/mqtt-configuration";
import { type FileSystem, MemoryFileSystem, type OpenFile } from "@aiko/mqtt-store";
import { expect, onTestFinished } from "vitest";
import { expectBalanced } from "../../store/test/spool/spool-checks.ts";
import type { Configuration } from "../src/configuration/configuration.ts";
import { readConfiguration } from "../src/configuration/read-configuration.ts";
import type { Recorder } from "../src/recording/recorder.ts";
import type { SourceStatus } from "../src/source/source.ts";
import { Gateway } from "../src/supervise/gateway.ts";

/** Parts of a configuration. What is not written is that of the bench: a spool in memory, metrics at a free port, one source "lines". */
export interface Parts {
  readonly gateway?: string;
  readonly uplink?: string;
  readonly spool?: string;
  /** Lines in addition to those of the source "lines". */
  readonly lines?: string;
  /** Further sections. */
  readonly more?: string;
  /** Instead of the source "lines". */
  readonly sources?: string;
  readonly metrics?: string;
}

export interface BenchOptions extends Parts {
  /** Default: that of Node. */
  readonly clock?: Clock;
  readonly fileSystem?: FileSystem;
  readonly input?: Readable;
  /** Whether the server can be reached from the start. Default true. */
  readonly online?: boolean;
  /** Of the server. */
  readonly maximumPacketSize?: number;
  /** The spool has a directory on the disk. */
  readonly disk?: boolean;
  readonly recorder?: Recorder;
}

export const LINES = `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:0"
first = "keep"
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
acknowledge = "ok {n}\\n"
refuse = "no {reason}\\n"
`;

export function configurationOf(parts: Parts, environment: Record<string, string> = {}): Configuration {
  const { gateway = "", uplink = "", spool = 'mode = "memory"', lines = "", more = "", sources, metrics } = parts;
  const text = `
[gateway]
id = "bench"
${gateway}
[uplink]
url = "mqtt://server"
reconnect = { min = "10ms", max = "20ms" }
${uplink}
[spool]
${spool}
[metrics]
listen = "127.0.0.1:0"
${metrics ?? ""}
${sources ?? `${LINES}${lines}`}
${more}`;
  const { configuration, problems } = readConfiguration(text, {
    file: "bench.toml",
    environment,
    readFile: () => "",
  });
  if (configuration === undefined) throw new Error(problems.map(problemText).join("\n"));
  return configuration;
}

/** The limit of any wait, in milliseconds: only what hangs takes that long, also on a busy machine. */
const PATIENCE = 300_000;

export class GatewayBench {
  readonly log: string[] = [];
  /** What the server received, in order. */
  readonly messages: { readonly topic: string; readonly payload: string }[] = [];
  /** The gateway's own state, below aiko/: topic and payload, in order. */
  readonly own: string[] = [];
  isOnline: boolean;
  link!: FaultyLink;
  gateway!: Gateway;
  readonly clock: Clock;
  private broker!: Broker;
  /** A client of the server that is not the gateway. */
  observer!: Client;
  private directory: string | undefined;

  private constructor(private readonly options: BenchOptions) {
    this.isOnline = options.online ?? true;
    this.clock = options.clock ?? nodePlatform.clock;
  }

  /** Starts a gateway that is stopped at the end of the test, after the law was checked. */
  static async start(options: BenchOptions = {}): Promise<GatewayBench> {
    const bench = new GatewayBench(options);
    await bench.open();
    return bench;
  }

  get configuration(): Configuration {
    return this.configurationWith({});
  }

  configurationWith(changes: Parts): Configuration {
    const spool =
      this.directory === undefined ? {} : { spool: `dir = ${JSON.stringify(join(this.directory, "spool"))}` };
    return configurationOf({ ...this.options, ...spool, ...changes });
  }

  source(id: string): SourceStatus {
    const status = this.gateway.status.sources[id];
    return status ?? expect.fail(`there is no source ${id}`);
  }

  /** Where a source listens. */
  url(source = "lines"): string {
    const { url } = this.source(source);
    if (url === undefined) throw new Error(`${source} does not listen:\n${this.log.join("\n")}`);
    return url;
  }

  connect(source = "lines"): Promise<Device> {
    return Device.connect(Number(new URL(this.url(source)).port));
  }

  counts(source = "lines") {
    expectBalanced({ statistics: this.gateway.status.spool });
    return this.gateway.status.spool.sources[source] ?? { in: 0, out: 0, spooled: 0, dropped: {} };
  }

  get topics(): string[] {
    return this.messages.map(({ topic }) => topic);
  }

  offline(): void {
    this.isOnline = false;
    this.link.cut();
  }

  online(): void {
    this.isOnline = true;
  }

  /** Waits until `read` returns a value that passes. Fake clocks tick meanwhile. */
  async until(isTrue: () => boolean | Promise<boolean>, what = String(isTrue)): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!(await isTrue())) {
      if (performance.now() > deadline) {
        expect.fail(`${what}\n${JSON.stringify(this.gateway.status)}\n${this.log.slice(-20).join("\n")}`);
      }
      if (this.clock instanceof FakeClock) await this.clock.tick();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  private async open(): Promise<void> {
    const { clock } = this;
    const { disk, maximumPacketSize } = this.options;
    if (disk) this.directory = await mkdtemp(join(tmpdir(), "aiko-gateway-"));
    this.broker = await Broker.listen({ listeners: [], clock, maximumPacketSize });
    this.link = new FaultyLink(clock, this.broker, () => ({ refused: !this.isOnline }));
    const { platform } = new FaultyLink(clock, this.broker);
    const observer = createClient("mqtt://observer", { platform });
    this.observer = observer;
    const connected = observer.connect();
    await (clock instanceof FakeClock ? clock.until(connected) : connected);
    const subscribed = observer.subscribe("#", {
      qos: 2,
      onMessage: (message) => {
        const payload = Buffer.from(message.payload).toString("latin1");
        if (message.topic.startsWith("aiko/")) this.own.push(`${message.topic} ${payload}`);
        else this.messages.push({ topic: message.topic, payload });
      },
    });
    await (clock instanceof FakeClock ? clock.until(subscribed) : subscribed);
    await this.launch({});
    onTestFinished(async () => {
      try {
        await expectLaw(this.gateway);
      } finally {
        await this.settled(this.gateway.stop());
        await this.settled(observer.disconnect());
        await this.settled(this.broker.close());
        if (this.directory !== undefined) await rm(this.directory, { recursive: true, force: true });
      }
      expectBalanced({ statistics: this.gateway.status.spool });
    });
  }

  private async launch(changes: Parts): Promise<void> {
    const { fileSystem, input } = this.options;
    this.gateway = await Gateway.start(this.configurationWith(changes), {
      log: (line) => this.log.push(line),
      platform: this.link.platform,
      ...(fileSystem === undefined ? {} : { fileSystem }),
      ...(input === undefined ? {} : { input }),
      recorder: this.options.recorder,
    });
  }

  /** Stops the gateway, and starts another one on the same spool. */
  async restart(changes: Parts = {}): Promise<void> {
    await this.stop();
    await this.launch(changes);
  }

  /** Reloads the configuration, with changes. */
  reload(changes: Parts): Promise<void> {
    return this.settled(this.gateway.reload(this.configurationWith(changes)));
  }

  /** The retained messages that the server has, by topic. */
  async retained(): Promise<Record<string, string>> {
    const { platform } = new FaultyLink(this.clock, this.broker);
    const client = createClient("mqtt://reader", { platform });
    const found: Record<string, string> = {};
    await this.settled(client.connect());
    const onMessage = (message: Message): void => {
      found[message.topic] = message.text();
    };
    await this.settled(client.subscribe("#", { qos: 1, onMessage }));
    if (this.clock instanceof FakeClock) await this.clock.tick();
    await this.settled(client.disconnect());
    return found;
  }

  /** Publishes a message at the server. */
  async publish(topic: string, payload: string, retain = false): Promise<void> {
    const { platform } = new FaultyLink(this.clock, this.broker);
    const client = createClient("mqtt://writer", { platform });
    await this.settled(client.connect());
    await this.settled(client.publish(topic, payload, { qos: 1, retain }));
    await this.settled(client.disconnect());
  }

  /** Stops the gateway. Time of a fake clock passes as needed. */
  stop(): Promise<void> {
    return this.settled(this.gateway.stop());
  }

  private async settled(promise: PromiseLike<unknown>): Promise<void> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    while (!isOver) {
      if (this.clock instanceof FakeClock) await this.clock.advance(10);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await promise;
  }
}

/** Fails unless in = out + spooled + dropped for every source, in the status and in the metrics alike. */
export async function expectLaw(gateway: Gateway): Promise<void> {
  expectBalanced({ statistics: gateway.status.spool });
  const { metrics } = gateway.status;
  if (metrics === undefined) return;
  const samples = await scrape(metrics);
  const of = (name: string, source: string): number =>
    samples
      .filter((each) => each.name === `aiko_gateway_${name}` && each.labels["source"] === source)
      .reduce((sum, { value }) => sum + value, 0);
  for (const source of Object.keys(gateway.status.spool.sources)) {
    const [came, out, spooled, dropped] = [
      "records_in_total",
      "records_out_total",
      "records_spooled",
      "records_dropped_total",
    ].map((name) => of(name, source)) as [number, number, number, number];
    expect({ source, came }).toEqual({ source, came: out + spooled + dropped });
  }
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the metrics. Fails if a line is not in the text format of Prometheus, version 0.0.4. */
export async function scrape(url: string): Promise<Sample[]> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toContain("version=0.0.4");
  return samplesOf(await response.text());
}

export function samplesOf(text: string): Sample[] {
  expect(text.endsWith("\n")).toBe(true);
  const samples: Sample[] = [];
  let family = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (comment !== null) {
      family = comment[2] ?? "";
      if (comment[1] === "TYPE") expect(["counter", "gauge", "histogram"]).toContain(comment[3]);
      continue;
    }
    const found =
      /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\d+(?:\.\d+)?(?:e[+-]\d+)?)$/.exec(line);
    if (found === null) expect.fail(`not a line of metrics: ${line}`);
    const [, name = "", pairs = "", value] = found;
    expect(name.replace(/_(bucket|sum|count)$/, "")).toBe(family);
    const labels: Record<string, string> = {};
    for (const [, label = "", content = ""] of pairs.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[label] = content.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    }
    samples.push({ name, labels, value: Number(value) });
  }
  return samples;
}

/** A device that is connected by TCP. */
export class Device {
  received = "";
  /** Whether the gateway has closed its side, and whether the connection is over. */
  isEnded = false;
  isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      this.received += text;
    });
    socket.on("end", () => {
      this.isEnded = true;
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
    socket.on("error", () => {});
  }

  static connect(port: number, host = "127.0.0.1"): Promise<Device> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ port, host, allowHalfOpen: true }, () => {
        onTestFinished(() => void socket.destroy());
        resolve(new Device(socket));
      });
      socket.once("error", reject);
    });
  }

  send(text: string | Uint8Array): void {
    if (typeof text === "string") this.socket.write(text, "latin1");
    else this.socket.write(text);
  }

  sendLines(from: number, to: number): void {
    this.send(
      numbered(from, to)
        .map((n) => `${n},x\n`)
        .join(""),
    );
  }

  /** The lines that it received. */
  get answers(): string[] {
    return this.received.split("\n").slice(0, -1);
  }
}

export function numbered(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** A disk in memory whose syncs can be held, and whose room can end. */
export class StubbornDisk extends MemoryFileSystem {
  /** While true, nothing can be written. */
  isFull = false;
  syncs = 0;
  private gate: Promise<void> = Promise.resolve();

  /** Holds every sync until the function that it returns is called. */
  hold(): () => void {
    let release = (): void => {};
    this.gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  override async open(path: string, as: "existing" | "new"): Promise<OpenFile | undefined> {
    if (as === "new") this.assertRoom();
    const file = await super.open(path, as);
    if (file === undefined) return undefined;
    return {
      size: () => file.size(),
      read: (buffer, position) => file.read(buffer, position),
      write: async (buffers, position) => {
        this.assertRoom();
        await file.write(buffers, position);
      },
      truncate: (size) => file.truncate(size),
      sync: async () => {
        this.syncs++;
        await this.gate;
        await file.sync();
      },
      close: () => file.close(),
    };
  }

  private assertRoom(): void {
    if (this.isFull) throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
  }
}
