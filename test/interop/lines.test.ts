// A million lines through `pub -l -q 1`: complete and in order, also while the broker restarts. Prints time and memory,
// and those of mosquitto_pub.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Broker, type BrokerMessage } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { root } from "../fixtures/child.ts";
import { freePort } from "../fixtures/free-port.ts";

const COUNT = 1_000_000;
const ours = [process.execPath, join(root, "packages/cli/dist/bin/aiko-mqtt.cjs"), "pub"];

interface Figures {
  readonly code: number | null;
  readonly seconds: number;
  /** The most resident memory, in MB. */
  readonly memory: number;
  readonly notes: string;
}

/** Runs `seq | COMMAND -l`. */
async function publish([file = "", ...args]: readonly string[], port: number): Promise<Figures> {
  const lines = spawn("seq", [`${COUNT}`], { stdio: ["ignore", "pipe", "ignore"] });
  const began = performance.now();
  const child = spawn(file, [...args, "-h", "127.0.0.1", "-p", `${port}`, "-l", "-q", "1", "-t", "n"], {
    stdio: [lines.stdout, "ignore", "pipe"],
  });
  let notes = "";
  child.stderr?.on("data", (text) => {
    notes += text;
  });
  let memory = 0;
  const timer = setInterval(() => {
    memory = Math.max(memory, peakOf(child));
  }, 20);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearInterval(timer);
  return { code, seconds: (performance.now() - began) / 1_000, memory, notes };
}

function peakOf({ pid }: ChildProcess): number {
  try {
    return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_000;
  } catch {
    return 0; // it has ended
  }
}

/** The lines that a broker has accepted: the next one, and whether one was missing. */
class Sequence {
  /** All lines below are there, in order. */
  next = 1;
  repeated = 0;
  missing: string | undefined;

  private take(number: number): void {
    if (number < this.next) this.repeated++;
    else if (number === this.next) this.next++;
    else this.missing ??= `${this.next} before ${number}`;
  }

  listen(port: number): Promise<Broker> {
    const onPublish = (message: BrokerMessage): undefined => {
      this.take(Number(Buffer.from(message.payload).toString()));
    };
    return Broker.listen({ host: "127.0.0.1", port, onPublish });
  }
}

const report = (what: string, { seconds, memory }: Figures): void =>
  console.log(`${what}: ${COUNT} lines in ${seconds.toFixed(1)} s, peak ${memory.toFixed(0)} MB`);

test("all lines arrive in order", async () => {
  const sequence = new Sequence();
  await using broker = await sequence.listen(0);
  const figures = await publish(ours, broker.port);
  expect(figures).toMatchObject({ code: 0, notes: "" });
  expect([sequence.next, sequence.missing, sequence.repeated]).toEqual([COUNT + 1, undefined, 0]);
  report("aiko-mqtt pub", figures);
});

test("mosquitto_pub, for comparison: it ends with 0, and loses lines", async () => {
  const sequence = new Sequence();
  await using broker = await sequence.listen(0);
  const figures = await publish(["mosquitto_pub"], broker.port);
  report(`mosquitto_pub (exit code ${figures.code}, ${sequence.next - 1} lines arrived)`, figures);
});

test("all lines arrive in order if the broker restarts twice", async () => {
  const sequence = new Sequence();
  const port = await freePort();
  let broker = await sequence.listen(port);
  const publishing = publish(ours, port);
  for (const part of [1, 2]) {
    await expect.poll(() => sequence.next, { interval: 5, timeout: 500_000 }).toBeGreaterThan((part * COUNT) / 3);
    await broker.close();
    broker = await sequence.listen(port);
  }
  const figures = await publishing;
  expect(figures).toMatchObject({ code: 0 });
  expect(figures.notes.match(/reconnected to/g)).toHaveLength(2);
  await expect.poll(() => sequence.next).toBe(COUNT + 1);
  // What was not acknowledged is sent again, in order: nothing is missing.
  expect(sequence.missing).toBeUndefined();
  await broker.close();
  report("aiko-mqtt pub with two restarts", figures);
});
