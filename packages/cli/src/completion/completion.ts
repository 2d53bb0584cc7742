/** `aiko-mqtt completion`: prints a script for a shell, made from the tables of options that the help comes from. */

import { ArgumentError, type Arguments } from "../arguments.js";
import type { Command } from "../command.js";
import type { CommandEntry } from "../command-entry.js";
import type { Terminal } from "../terminal.js";
import { bashScript } from "./bash.js";
import { type CompletableProgram, completableOf } from "./completable.js";
import { fishScript } from "./fish.js";
import { zshScript } from "./zsh.js";

const shells: Readonly<Record<string, (programs: readonly CompletableProgram[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

interface Programs {
  /** The commands of aiko-mqtt. */
  readonly umbrella: readonly CommandEntry[];
  /** The other programs, which are one command each. */
  readonly others: readonly CommandEntry[];
}

export function completionOf(programs: Programs): Command {
  return {
    usage: "bash|zsh|fish",
    summary: "Prints a script with which the shell completes the commands of this package and\ntheir options.",
    options: {},
    examples: [
      "bash > /etc/bash_completion.d/aiko-mqtt",
      'zsh > "$fpath[1]/_aiko-mqtt"',
      "fish > ~/.config/fish/completions/aiko-mqtt.fish",
    ],
    operands: 1,
    async run(args: Arguments<string>, terminal: Terminal): Promise<void> {
      const names = Object.keys(shells);
      const [name] = args.operands;
      if (name === undefined) throw new ArgumentError(`missing the shell: ${names.join(", ")}`);
      const script = Object.hasOwn(shells, name) ? shells[name] : undefined;
      if (script === undefined) throw new ArgumentError(`shell "${name}": must be ${names.join(", ")}`);
      await terminal.print(script(await completablePrograms(programs)));
    },
  };
}

async function completablePrograms({ umbrella, others }: Programs): Promise<readonly CompletableProgram[]> {
  const commands = await Promise.all(umbrella.map(completableOf));
  const alone = await Promise.all(others.map(completableOf));
  return [
    { name: "aiko-mqtt", commands },
    ...alone.map((command) => ({ name: command.names.join(" "), commands: [command] })),
  ];
}
