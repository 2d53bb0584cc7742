/** The script for zsh: a file of its function path, or text to evaluate after compinit. */

import type { CompletableCommand, CompletableOption, CompletableProgram, Value } from "./completable.js";

export function zshScript(programs: readonly CompletableProgram[]): string {
  const [umbrella, ...others] = programs;
  if (umbrella === undefined) return "";
  const all = programs.map(({ name }) => name).join(" ");
  const top = umbrella.commands.flatMap(({ names, summary }) =>
    names.filter((name) => !name.includes(" ")).map((name) => described(name, summary)),
  );
  return `#compdef ${all}
# Completes ${umbrella.name} in zsh. Written by: ${umbrella.name} completion zsh

${programs.flatMap(({ commands }) => commands.map(argumentsOf)).join("\n\n")}

_aiko-mqtt() {
  case $service in
${others.map(({ name }) => `    ${name}) ${functionOf(name)}; return ;;`).join("\n")}
  esac
  local -a names=(
    ${top.join("\n    ")}
    'help:describe a command'
  )
  if (( CURRENT > 2 )) && [[ $words[2] == help ]]; then
    shift words
    (( CURRENT-- ))
  fi
  if (( CURRENT == 2 )); then
    _describe -t commands command names
    [[ $PREFIX == -* ]] && compadd -- --help --version
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${umbrella.commands.flatMap((command) => caseOf(command, umbrella.commands)).join("\n")}
  esac
}

if [[ $funcstack[1] == _aiko-mqtt ]]; then _aiko-mqtt "$@"; else compdef _aiko-mqtt ${all}; fi
`;
}

function functionOf(name: string): string {
  return `_aiko-mqtt-${name.replaceAll(" ", "-")}`;
}

function argumentsOf({ names, options, operand }: CompletableCommand): string {
  const specs = options.flatMap(specsOf);
  if (operand !== undefined) specs.push(quoted(`*:argument:${action(operand)}`));
  return `${functionOf(names[0] ?? "")}() {\n  _arguments -s -S \\\n    ${specs.join(" \\\n    ")}\n}`;
}

function specsOf({ spellings, help, value, placeholder, repeats }: CompletableOption): string[] {
  const excluded = repeats ? "*" : spellings.length > 1 ? `(${spellings.join(" ")})` : "";
  return spellings.map((spelling) => {
    const joint = value === undefined ? "" : spelling.startsWith("--") ? "=" : "+";
    const following = value === undefined ? "" : `:${escaped(placeholder)}:${action(value)}`;
    return quoted(`${excluded}${spelling}${joint}[${escaped(help)}]${following}`);
  });
}

function action(value: Value): string {
  if (typeof value !== "string") return `(${value.join(" ")})`;
  return { file: "_files", directory: "_files -/", host: "_hosts", anything: " " }[value];
}

function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function described(name: string, summary: string): string {
  return quoted(`${name}:${summary.replaceAll(":", "\\:")}`);
}

/** The case of a first word, with its second words. Those have no case of their own. */
function caseOf({ names }: CompletableCommand, all: readonly CompletableCommand[]): string[] {
  const [first = ""] = names;
  if (first.includes(" ")) return [];
  const members = all.filter((command) => command.names[0]?.startsWith(`${first} `));
  const call = `    ${names.join("|")}) ${functionOf(first)} ;;`;
  return [members.length === 0 ? call : groupOf(first, members)];
}

function groupOf(first: string, members: readonly CompletableCommand[]): string {
  const seconds = members.map(({ names: [name = ""], summary }) => ({
    name,
    second: name.slice(first.length + 1),
    summary,
  }));
  return `    ${first})
      if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
        local -a seconds=(
          ${seconds.map(({ second, summary }) => described(second, summary)).join("\n          ")}
        )
        _describe -t commands command seconds
        return
      fi
      case $words[2] in
${seconds.map(({ name, second }) => `        ${second}) shift words; (( CURRENT-- )); ${functionOf(name)} ;;`).join("\n")}
        *) ${functionOf(first)} ;;
      esac ;;`;
}
