/// <reference path="../../packages/cli/src/qjs/modules.d.ts" />
// Runs inside the engine: the shared suites, for its clock and for transports over pairs of pipes.

import * as os from "qjs:os";
import { exit } from "qjs:std";
import { clockSuite, type SuiteCase, transportSuite } from "@aiko/mqtt/testing";
import { PIPE_STEP } from "../../packages/cli/src/qjs/bytes-out.ts";
import { clock } from "../../packages/cli/src/qjs/clock.ts";
import { StreamTransport } from "../../packages/cli/src/qjs/stream-transport.ts";

const end = (input: number, output: number) =>
  new StreamTransport({ input, output, step: PIPE_STEP, close: (_cause, _heard, closed) => closed() });

const transports: readonly SuiteCase[] = transportSuite({
  async pair() {
    const [there, back] = [os.pipe(), os.pipe()];
    if (there === null || back === null) throw new Error("bug: no pipes");
    return [end(back[0], there[1]), end(there[0], back[1])];
  },
  pause: () => new Promise((resolve) => void os.setTimeout(() => resolve(), 500)),
});

const cases = [...clockSuite({ clock, systemTime: Date.now }), ...transports];

function say(line: string): void {
  const bytes = Uint8Array.from(`${line}\n`, (character) => character.charCodeAt(0));
  os.write(1, bytes.buffer, 0, bytes.length);
}

async function runAll(): Promise<void> {
  for (const { name, run } of cases) {
    try {
      await run();
      say(`passed: ${name}`);
    } catch (error) {
      say(`FAILED: ${name}: ${error}`);
    }
  }
  exit(0);
}

void runAll();
