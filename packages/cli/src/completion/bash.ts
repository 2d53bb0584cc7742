/** The script for bash 3.2 and later. It needs no other file, and starts no program when the user presses Tab. */

import type { CompletableCommand, CompletableProgram, Value } from "./completable.js";

export function bashScript(programs: readonly CompletableProgram[]): string {
  const commands = programs.flatMap((program) => program.commands);
  const umbrella = programs[0]?.commands ?? [];
  const [name = "", ...others] = programs.map((program) => program.name);
  return `# Completes ${name} in bash. Written by: ${name} completion bash

# Prints the options of a command.
_aiko_mqtt_options() {
  case $1 in
${commands.map(optionsCase).join("\n")}
  esac
}

# Prints what follows an option of a command: nothing for a switch.
_aiko_mqtt_value() {
  case "$1 $2" in
${commands.flatMap(valueCases).join("\n")}
  esac
}

# Prints what the arguments of a command are.
_aiko_mqtt_operand() {
  case $1 in
${commands.flatMap(operandCase).join("\n")}
  esac
}

_aiko_mqtt_names='${firstWords(umbrella).join(" ")} help'

# Prints the second words of a command.
_aiko_mqtt_seconds() {
  case $1 in
${secondCases(umbrella).join("\n")}
  esac
}

# Completes "$2", of the kind "$1".
_aiko_mqtt_reply() {
  local IFS=$'\\n'
  case $1 in
    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
    directory) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$2")) ;;
    host) COMPREPLY=($(compgen -A hostname -- "$2")) ;;
    words\\ *) IFS=$' \\n'; COMPREPLY=($(compgen -W "\${1#words }" -- "$2")) ;;
  esac
}

_aiko_mqtt() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[0]##*/} at=1
  COMPREPLY=()
  # bash splits --option=value into three words.
  if [[ $word == '=' ]]; then word=
  elif [[ $before == '=' && $COMP_CWORD -ge 2 ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if [[ $command == ${name} ]]; then
    [[ \${COMP_WORDS[1]} == help && $COMP_CWORD -gt 1 ]] && at=2
    if [[ $COMP_CWORD -eq $at ]]; then
      _aiko_mqtt_reply "words $_aiko_mqtt_names --help --version" "$word"
      return
    fi
    command=\${COMP_WORDS[at]}
    local seconds; seconds=$(_aiko_mqtt_seconds "$command")
    if [[ -n $seconds ]]; then
      if [[ $COMP_CWORD -eq $((at + 1)) && $word != -* ]]; then
        _aiko_mqtt_reply "words $seconds" "$word"
        return
      fi
      [[ " $seconds " == *" \${COMP_WORDS[at+1]} "* ]] && command="$command \${COMP_WORDS[at+1]}"
    fi
  fi
  local value; value=$(_aiko_mqtt_value "$command" "$before")
  if [[ -n $value ]]; then _aiko_mqtt_reply "$value" "$word"
  elif [[ $word == -* ]]; then _aiko_mqtt_reply "words $(_aiko_mqtt_options "$command")" "$word"
  else _aiko_mqtt_reply "$(_aiko_mqtt_operand "$command")" "$word"
  fi
}

complete -F _aiko_mqtt ${[name, ...others].join(" ")}
`;
}

/** A pattern that matches these texts. */
function pattern(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join("|");
}

function optionsCase({ names, options }: CompletableCommand): string {
  return `    ${pattern(names)}) echo '${options.flatMap(({ spellings }) => spellings).join(" ")}' ;;`;
}

function valueCases({ names, options }: CompletableCommand): string[] {
  return options.flatMap(({ spellings, value }) => {
    if (value === undefined) return [];
    const calls = names.flatMap((name) => spellings.map((spelling) => `${name} ${spelling}`));
    return [`    ${pattern(calls)}) echo '${kind(value)}' ;;`];
  });
}

function operandCase({ names, operand }: CompletableCommand): string[] {
  return operand === undefined ? [] : [`    ${pattern(names)}) echo '${kind(operand)}' ;;`];
}

function kind(value: Value): string {
  return typeof value === "string" ? value : `words ${value.join(" ")}`;
}

function firstWords(commands: readonly CompletableCommand[]): string[] {
  return [...new Set(commands.flatMap(({ names }) => names.map((name) => name.split(" ", 1)[0] ?? "")))];
}

function secondCases(commands: readonly CompletableCommand[]): string[] {
  const names = commands.flatMap((command) => command.names);
  return firstWords(commands).flatMap((first) => {
    const seconds = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
    return seconds.length === 0 ? [] : [`    '${first}') echo '${seconds.join(" ")}' ;;`];
  });
}
