/** The script for fish. */

import type { CompletableCommand, CompletableOption, CompletableProgram, Value } from "./completable.js";

export function fishScript(programs: readonly CompletableProgram[]): string {
  const [umbrella, ...others] = programs;
  if (umbrella === undefined) return "";
  const { name } = umbrella;
  const pairs = umbrella.commands.flatMap(({ names }) => names.filter((each) => each.includes(" ")));
  const lines = [
    ...umbrella.commands.flatMap((command) => [
      ...command.names.map((each) => nameLine(name, each, command.summary)),
      ...linesOf(name, command, `-n ${quoted(`__aiko_mqtt_is ${command.names.map(quoted).join(" ")}`)}`),
    ]),
    ...others.flatMap(({ name: program, commands }) => [
      `complete -c ${program} -f`,
      ...commands.flatMap((command) => linesOf(program, command, "")),
    ]),
  ];
  return `# Completes ${name} in fish. Written by: ${name} completion fish

# Prints the command on the command line, which may have two words.
function __aiko_mqtt_command
  set -l words (commandline -opc)
  set -e words[1]
  if test (count $words) -gt 0; and test "$words[1]" = help
    set -e words[1]
  end
  if test (count $words) -gt 1; and contains -- "$words[1] $words[2]" ${pairs.map(quoted).join(" ")}
    echo "$words[1] $words[2]"
  else if test (count $words) -gt 0
    echo "$words[1]"
  end
end

# Whether the command is one of these.
function __aiko_mqtt_is
  set -l command (__aiko_mqtt_command)
  test (count $command) -eq 1; and contains -- "$command" $argv
end

# Whether there is no command yet.
function __aiko_mqtt_is_missing
  test (count (__aiko_mqtt_command)) -eq 0
end

# Whether the words of the command line are this command's first word only.
function __aiko_mqtt_is_only
  set -l words (commandline -opc)
  test (count $words) -eq 2; and test "$words[2]" = "$argv[1]"
end

complete -c ${name} -f
complete -c ${name} -n __aiko_mqtt_is_missing -l help -d 'show the commands'
complete -c ${name} -n __aiko_mqtt_is_missing -l version -d 'show the version'
complete -c ${name} -n __aiko_mqtt_is_missing -a help -d 'describe a command'
${lines.join("\n")}
`;
}

function nameLine(program: string, name: string, summary: string): string {
  const [first = "", second] = name.split(" ");
  const condition = second === undefined ? "__aiko_mqtt_is_missing" : quoted(`__aiko_mqtt_is_only ${first}`);
  return `complete -c ${program} -n ${condition} -a ${second ?? first} -d ${quoted(summary)}`;
}

function linesOf(program: string, { options, operand }: CompletableCommand, condition: string): string[] {
  const begin = ["complete", "-c", program, condition].filter((part) => part !== "").join(" ");
  return [
    ...options.map((option) => `${begin} ${optionOf(option)}`),
    ...(operand === undefined || operand === "anything" ? [] : [`${begin} ${following(operand)}`]),
  ];
}

function optionOf({ spellings, help, value }: CompletableOption): string {
  const names = spellings.map((spelling) =>
    spelling.startsWith("--") ? `-l ${spelling.slice(2)}` : `-s ${spelling.slice(1)}`,
  );
  const required = value === undefined ? [] : ["-r", following(value)];
  return [...names, ...required, "-d", quoted(help)].filter((part) => part !== "").join(" ");
}

function following(value: Value): string {
  if (typeof value !== "string") return `-f -a ${quoted(value.join(" "))}`;
  return {
    file: "-F",
    directory: "-f -a '(__fish_complete_directories)'",
    host: "-f -a '(__fish_print_hostnames)'",
    anything: "-f",
  }[value];
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
