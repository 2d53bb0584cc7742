// What explain and replay show is what a gateway does: each example device sends its recording over a real wire to a running gateway.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import type { SourceSettings } from "../../src/configuration/configuration.ts";
import { TopicTemplate } from "../../src/route/topic-template.ts";
import { GatewayBench } from "../gateway-bench.ts";
import { SerialLine } from "../source/serial-line.ts";
import { type Example, examples, outcomesOf, piecesOf } from "./examples.ts";

/** How a device of a test is connected: what is written instead of its address, and how it sends. */
interface Wire {
  readonly changes: readonly (readonly [RegExp, string])[];
  readonly input?: PassThrough;
  send(bench: GatewayBench, pieces: readonly Uint8Array[]): Promise<void>;
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "aiko-example-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const wires: Partial<Record<SourceSettings["kind"], () => Promise<Wire>>> = {
  async serial() {
    const path = join(directory(), "tty");
    const line = await SerialLine.plug(path);
    return {
      // A pseudo-terminal has no parity bit, and does not start anew when it is opened.
      changes: [
        [/^device = .*$/m, `device = "${path}"`],
        [/^(parity|open_delay) = .*$/gm, ""],
      ],
      async send(bench, pieces) {
        await bench.until(() => Object.values(bench.gateway.status.sources).every(({ state }) => state === "up"));
        for (const piece of pieces) line.send(piece);
      },
    };
  },
  async tcp() {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const connected = once(server, "connection");
    return {
      changes: [[/^connect = .*$/m, `connect = "127.0.0.1:${port}"`]],
      async send(_, pieces) {
        const [socket] = await connected;
        onTestFinished(() => void socket.destroy());
        for (const piece of pieces) socket.write(piece);
      },
    };
  },
  async udp() {
    return {
      changes: [
        [/^listen = .*$/m, 'listen = "127.0.0.1:0"'],
        [/^allow = .*$/m, ""],
      ],
      async send(bench, pieces) {
        const socket = createSocket("udp4");
        onTestFinished(() => void socket.close());
        for (const piece of pieces) {
          socket.send(piece, Number(new URL(bench.url("esp")).port), "127.0.0.1");
          await once(socket, "message"); // its answer
        }
      },
    };
  },
  async exec() {
    const path = join(directory(), "printed");
    return {
      changes: [[/^run = .*$/m, `run = ["sh", "-c", "while ! cat ${path} 2>&-; do sleep 0.05; done"]`]],
      async send(_, pieces) {
        writeFileSync(path, Buffer.concat(pieces));
      },
    };
  },
  async stdin() {
    const input = new PassThrough();
    return {
      changes: [],
      input,
      async send(_, pieces) {
        for (const piece of pieces) input.write(piece);
      },
    };
  },
};

/** The [[source]] of an example, at another address. */
function sourceOf({ text }: Example, { changes }: Wire): string {
  const from = text.indexOf("[[source]]");
  return changes.reduce((changed, [pattern, written]) => changed.replace(pattern, written), text.slice(from));
}

test.each(examples)("$name: a running gateway publishes and drops what replay shows", async (example) => {
  const { source, configuration } = example;
  const wire = await wires[source.kind]?.();
  if (wire === undefined) return expect.fail(`there is no wire of the kind ${source.kind}`);
  const outcomes = outcomesOf(example);
  const records = outcomes.flatMap((outcome) => outcome.records);
  const dropped: Record<string, number> = {};
  for (const outcome of outcomes) {
    if (outcome.dropped !== undefined) dropped[outcome.dropped] = (dropped[outcome.dropped] ?? 0) + 1;
  }
  const count = Object.values(dropped).reduce((sum, each) => sum + each, 0);
  const { input } = wire;
  const bench = await GatewayBench.start({
    sources: sourceOf(example, wire),
    ...(input === undefined ? {} : { input }),
  });
  await wire.send(bench, piecesOf(example));
  await bench.until(() => bench.counts(source.id).in === records.length + count);
  const origin = { gateway: configuration.gateway.id, source: source.id };
  const dead =
    source.deadletter &&
    new TopicTemplate("deadletter", source.deadletter, origin).topic({ peer: "", port: 0 }, new Map());
  const published = () => bench.messages.filter(({ topic }) => topic !== dead);
  await bench.until(() => published().length >= records.length);
  expect(published()).toEqual(
    records.map(({ topic, payload }) => ({ topic, payload: Buffer.from(payload).toString("latin1") })),
  );
  expect(bench.counts(source.id)).toEqual({ in: records.length + count, out: records.length, spooled: 0, dropped });
});
