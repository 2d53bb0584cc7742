/** `aiko-mqtt ping`: a health check. Connects, sends PINGREQ, and waits for PINGRESP. */

import { type AbortSignalLike, type Client, type Connected, createClient, platform, type Transport } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import type { Arguments, OptionTable } from "../arguments.js";
import { type Command, CommandError } from "../command.js";
import type { Target } from "../connection-options.js";
import { withReasonCodes } from "../shell/exit-code.js";
import type { ShellOption } from "../shell/shell-options.js";
import { TIMED_OUT, withinTimeout } from "../shell/timeout.js";
import { fired, type Terminal } from "../terminal.js";
import { versionNames } from "../version-names.js";
import { serverOf, serverOptions, withServer } from "./server-operand.js";

/** In seconds. A health check must end, also if the server does not answer. */
const DEFAULT_TIMEOUT = "10";
/** In milliseconds. The longest that the client allows: only --timeout ends the attempt. */
const CONNECT_TIMEOUT = 2_147_483_647;

const options = {
  json: { help: "print the result as a JSON object" },
  timeout: {
    letters: "W",
    value: "SECONDS",
    help: `give up after SECONDS, with exit code ${TIMED_OUT} (default: ${DEFAULT_TIMEOUT})`,
  },
  ...serverOptions,
} satisfies OptionTable;

type Option = keyof typeof options;

export const ping: Command = withServer("ping", {
  usage: "[options] [URL]",
  summary:
    "Checks that a server accepts a client and answers PINGREQ. Exit codes: 0 it\n" +
    `does, 1 it cannot be reached, ${TIMED_OUT} it does not answer in time, other: the reason\n` +
    "code with which it refuses the client.",
  options,
  examples: ["mqtt://localhost", "mqtts://broker.example -W 2 || systemctl restart broker"],
  async run(args: Arguments<Option>, terminal: Terminal): Promise<void> {
    const target = serverOf(args as Arguments<ShellOption>, terminal, "mqttPing");
    const limit = args.has("timeout") ? args : args.with("timeout", DEFAULT_TIMEOUT);
    await withReasonCodes(() =>
      withinTimeout(limit as Arguments<ShellOption | "timeout">, terminal, async (limited) => {
        const answer = await pinged(target, limited.stop);
        if (args.has("quiet")) return;
        await terminal.print(args.has("json") ? `${JSON.stringify(answer)}\n` : describe(answer));
      }),
    );
  },
});

interface Answer {
  /** The server's URL, without credentials. */
  readonly server: string;
  readonly protocolVersion: string;
  /** Milliseconds from the start of the command's work to CONNACK. */
  readonly connectMilliseconds: number;
  /** Milliseconds from PINGREQ to PINGRESP. */
  readonly pingMilliseconds: number;
}

function describe({ server, protocolVersion, connectMilliseconds, pingMilliseconds }: Answer): string {
  return `${server} answers: MQTT ${protocolVersion}, connected in ${connectMilliseconds} ms, PINGRESP in ${pingMilliseconds} ms\n`;
}

async function pinged(target: Target, stop: AbortSignalLike): Promise<Answer> {
  const { clock } = platform;
  let way: Transport | undefined;
  const client = createClient(target.url, {
    ...target.options,
    reconnect: false,
    connectTimeout: CONNECT_TIMEOUT,
    dial: async (...where) => {
      way = await platform.dial(...where);
      return way;
    },
  });
  try {
    const began = clock.now();
    const connected = await client.connect({ signal: stop });
    const connectMilliseconds = rounded(clock.now() - began);
    const sent = clock.now();
    await answered(client, connected, way as Transport, stop);
    const { server, protocolVersion } = connected;
    const pingMilliseconds = rounded(clock.now() - sent);
    return { server, protocolVersion: versionNames[protocolVersion], connectMilliseconds, pingMilliseconds };
  } catch (error) {
    throw stop.aborted ? new CommandError("interrupted before the server answered") : error;
  } finally {
    await client.disconnect({ drainTimeout: 0 });
  }
}

/** The client sends PINGREQ only when it has been idle, so this sends one over the client's connection. */
function answered(
  client: Client,
  { protocolVersion }: Connected,
  way: Transport,
  stop: AbortSignalLike,
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on("packet", ({ type }) => {
      if (type === "pingresp") resolve();
    });
    client.on("closed", ({ error }) => reject(error));
    void fired(stop).then(() => reject(new CommandError("interrupted before the server answered")));
    way.write(encode({ type: "pingreq" }, protocolVersion));
  });
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
