/**
 * `aiko-mqtt explain`: connects once, and shows each step: name, TCP, proxy, TLS, WebSocket, CONNACK. If one fails, it says
 * which, why, and what to do.
 */

import { type Connected, createClient, MqttError, platform, RefusedError, UsageError } from "@aiko/mqtt";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import type { Target } from "../connection-options.js";
import { inOptionWords } from "../option-words.js";
import type { ShellOption } from "../shell/shell-options.js";
import type { Terminal } from "../terminal.js";
import { versionNames } from "../version-names.js";
import { adviceFor, isLookupError } from "./advice.js";
import { ConnectionTrace, type StepName } from "./connection-trace.js";
import { serverOf, serverOptions, withServer } from "./server-operand.js";

const options = {
  json: { help: "print the steps as a JSON object" },
  timeout: {
    letters: "W",
    value: "SECONDS",
    help: "how long an attempt may take; the client makes one for each MQTT version until one is accepted (default: 5)",
  },
  ...serverOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

const MOST_SECONDS = 2_147_483;

export const explain: Command = withServer("explain", {
  usage: "[options] [URL]",
  summary:
    "Connects to a server and shows each step with its time: name, TCP, proxy, TLS,\n" +
    "WebSocket, CONNACK. If one fails, shows what to do. Exit codes: 0 connected, 1 a\n" +
    "step failed, other: the reason code with which the server refuses the client.",
  options,
  examples: [
    "mqtts://broker.example",
    "wss://broker.example/mqtt -u ann -V 5",
    "-h broker.example --cafile ca.pem --json",
  ],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const target = withTimeout(serverOf(args as Arguments<ShellOption>, terminal, "mqttExplain"), args.text("timeout"));
    const outcome = await attempted(target, terminal);
    await terminal.print(args.has("json") ? `${inAscii(JSON.stringify(inJson(outcome), plain))}\n` : describe(outcome));
    const { failure } = outcome;
    if (failure === undefined) return;
    const { step, error } = failure;
    throw new CommandError(
      `the step "${step}" failed: ${inOptionWords(error)}`,
      error instanceof RefusedError ? error.reasonCode : 1,
    );
  },
});

function withTimeout(target: Target, seconds: string | undefined): Target {
  if (seconds === undefined) return target;
  if (!/^\d+(\.\d+)?$/.test(seconds) || Number(seconds) < 0.001 || Number(seconds) > MOST_SECONDS)
    throw new ArgumentError(`--timeout ${seconds}: must be a number of seconds from 0.001 to ${MOST_SECONDS}`);
  return { ...target, options: { ...target.options, connectTimeout: Math.round(Number(seconds) * 1_000) } };
}

interface Failure {
  readonly step: StepName;
  readonly error: MqttError;
  readonly advice: string | undefined;
}

interface Outcome {
  readonly trace: ConnectionTrace;
  /** Exactly one of these two is set. */
  readonly connected: Connected | undefined;
  readonly failure: Failure | undefined;
}

/** @throws MqttError if no step was begun, CommandError if the user interrupted it */
async function attempted(target: Target, terminal: Terminal): Promise<Outcome> {
  const { clock } = platform;
  const trace = new ConnectionTrace(() => clock.now());
  const client = createClient(target.url, {
    ...target.options,
    reconnect: false,
    serverReference: "ignore", // the user asked about this server
    dial: async (address, signal, network) => {
      trace.begin(address);
      const way = await platform.dial(address, signal, network, (step) => trace.reached(step));
      trace.opened();
      return way;
    },
  });
  try {
    const connected = await client.connect({ signal: terminal.stop });
    trace.accepted(connected);
    return { trace, connected, failure: undefined };
  } catch (error) {
    if (terminal.stop.aborted) throw new CommandError("interrupted before the server answered");
    if (!(error instanceof MqttError) || error instanceof UsageError) throw error;
    const step = trace.failed(inOptionWords(error), isLookupError(error));
    if (step === undefined) throw error; // such as a file that cannot be read
    return { trace, connected: undefined, failure: { step, error, advice: adviceFor(step, error) } };
  } finally {
    await client.disconnect({ drainTimeout: 0 });
  }
}

const states = { ok: "ok", failed: "FAILED", "not reached": "-" } as const;

function describe({ trace, connected, failure }: Outcome): string {
  const rows = trace.steps.map(({ name, state, time, detail }) => {
    const took = state === "not reached" ? "" : `${time.toFixed(1)} ms`;
    return `${states[state].padEnd(6)}  ${name.padEnd(9)}  ${took.padStart(10)}  ${detail}`.trimEnd();
  });
  const lines = [`${trace.server}`, ...rows];
  if (failure?.advice !== undefined) lines.push(`what to do: ${failure.advice}`);
  const announced = Object.entries(connected?.properties ?? {});
  if (announced.length > 0) lines.push("the server announces:");
  for (const [name, value] of announced) lines.push(`  ${name}  ${shown(JSON.stringify(value, plain))}`);
  return `${lines.join("\n")}\n`;
}

function inJson({ trace, connected, failure }: Outcome): object {
  const steps = trace.steps.map(({ time, ...step }) => ({ ...step, milliseconds: Math.round(time * 10) / 10 }));
  return {
    server: trace.server,
    connected: connected !== undefined,
    steps,
    ...(connected !== undefined && {
      protocolVersion: versionNames[connected.protocolVersion],
      clientId: connected.clientId,
      sessionPresent: connected.sessionPresent,
      properties: connected.properties,
    }),
    ...(failure !== undefined && {
      error: {
        step: failure.step,
        code: failure.error.code,
        ...(failure.error instanceof RefusedError && { reasonCode: failure.error.reasonCode }),
        message: inOptionWords(failure.error),
        advice: failure.advice,
      },
    }),
  };
}

/** Bytes are shown in base64. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

/** Escapes what could control a terminal. It stays the same JSON. */
function inAscii(json: string): string {
  return json.replace(/\p{C}/gu, (one) =>
    Array.from({ length: one.length }, (_, i) => `\\u${one.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** Text of the server must not control the terminal. */
function shown(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}
