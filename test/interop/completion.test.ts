// The scripts of `completion` in zsh and fish.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { completionSuite, prepare } from "../../packages/cli/test/completion/completion-suite.ts";

/** Presses Tab in an interactive zsh, whose builtin compadd also writes what it adds into a file. */
const CAPTURE = String.raw`
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z 'source ./setup.zsh'
zpty -w -n z "$1"$'\t'
while [[ ! -e done ]]; do zpty -r -t z line; sleep 0.01; done
zpty -d z
`;
const SETUP = `
PS1=
autoload -Uz compinit
compinit -u -d ./zcompdump
source ./zsh
compadd() {
  if (( $@[(I)-[AOD]] )); then builtin compadd "$@"; return; fi
  local -a found
  builtin compadd -A found "$@"
  (( $#found )) && print -rl -- $found >> found
  builtin compadd "$@"
}
press() { zle complete-word; : > done; }
zle -N press
bindkey '^I' press
`;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "aiko-completion-"));
  for (const shell of ["zsh", "fish"]) await prepare(folder, shell);
  writeFileSync(join(folder, "press.zsh"), CAPTURE);
  writeFileSync(join(folder, "setup.zsh"), SETUP);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lines = (output: string): string[] => output.split("\n").filter((line) => line !== "");

function zsh(...words: string[]): string[] {
  for (const name of ["found", "done"]) rmSync(join(folder, name), { force: true });
  writeFileSync(join(folder, "found"), "");
  execFileSync("zsh", ["-f", "press.zsh", words.join(" ")], { cwd: folder, encoding: "utf8" });
  return [...new Set(lines(readFileSync(join(folder, "found"), "utf8")))];
}

function fish(...words: string[]): string[] {
  const options = { cwd: folder, encoding: "utf8", env: { ...process.env, HOME: folder } } as const;
  const script = 'source ./fish; complete -C "$argv[1]"';
  // Each line has a description after a tab.
  return lines(execFileSync("fish", ["-c", script, words.join(" ")], options)).map((line) => line.split("\t")[0] ?? "");
}

completionSuite("zsh", zsh);
completionSuite("fish", fish);
