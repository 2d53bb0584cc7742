/** `aiko-mqtt broker check`: checks a configuration, and what it needs of this machine. */

import { X509Certificate } from "node:crypto";
import type { BrokerConfiguration } from "@aiko/mqtt-broker/service";
import type { Arguments } from "../arguments.js";
import { brokerPath, fileOptions, loadBrokerFile, passwordWarnings } from "../broker-file.js";
import { type Command, CommandError } from "../command.js";
import { EX_CONFIG } from "../configuration-file.js";
import { freeBytes } from "../free-space.js";
import type { Terminal } from "../terminal.js";

const DAY = 86_400_000;
/** Certificates that expire earlier are named. */
const SOON = 30 * DAY;

export const brokerCheck: Command = {
  usage: "FILE | --mosquitto-conf FILE",
  summary:
    "Checks a configuration, its certificates, its password file and the directory of its journal. Exit code 78 if something is wrong.",
  options: fileOptions,
  operands: 1,
  async run(args: Arguments<keyof typeof fileOptions>, terminal: Terminal): Promise<void> {
    const path = brokerPath(args, 0);
    const configuration = loadBrokerFile(path, args, terminal);
    const { problems, warnings } = certificateFindings(configuration, Date.now());
    problems.push(...(await directoryProblems(configuration)));
    if (problems.length > 0) throw new CommandError(problems.map((each) => `${path}: ${each}`).join("\n"), EX_CONFIG);
    for (const each of [...warnings, ...(await userWarnings(configuration))]) terminal.note(`warning: ${each}`);
    const { listeners, rules } = configuration;
    await terminal.print(`${path}: valid; ${counted(listeners, "listener")}, ${counted(rules, "rule")}\n`);
  },
};

function counted(list: readonly unknown[], name: string): string {
  return `${list.length} ${name}${list.length === 1 ? "" : "s"}`;
}

function certificateFindings(
  { listeners }: BrokerConfiguration,
  now: number,
): { problems: string[]; warnings: string[] } {
  const [problems, warnings]: [string[], string[]] = [[], []];
  for (const { url, tls } of listeners) {
    if (tls === undefined) continue;
    const { validFrom, validTo } = new X509Certificate(tls.certificate);
    const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
    if (to < now) problems.push(`the certificate of ${url} has expired on ${validTo}`);
    else if (from > now) problems.push(`the certificate of ${url} is valid from ${validFrom} only`);
    else if (to < now + SOON) warnings.push(`the certificate of ${url} expires on ${validTo}`);
  }
  return { problems, warnings };
}

async function directoryProblems({ persistence }: BrokerConfiguration): Promise<string[]> {
  if (persistence === undefined) return [];
  try {
    await freeBytes(persistence.dir);
    return [];
  } catch (error) {
    return [`persistence.dir: ${(error as Error).message}`];
  }
}

async function userWarnings(configuration: BrokerConfiguration): Promise<string[]> {
  const open = configuration.listeners.filter(
    ({ url, allowAnonymous }) => allowAnonymous && !/^unix:|\/\/(127\.|localhost|\[::1\])/i.test(url),
  );
  const files = await passwordWarnings(configuration);
  return [...open.map(({ url }) => `other machines can connect to ${url} without a user name`), ...files];
}
