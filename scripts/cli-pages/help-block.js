// @ts-check
// The blocks of docs/cli that show the help of a command. Reads and writes no file.

/** A block begins with a comment that names the command: `<!-- help: aiko-mqtt pub -->`. */
const BLOCK = /^<!-- help: ([\w -]+) -->\n```text\n(?:.*\n)*?```$/gm;

/**
 * The page, with the current help in each block.
 *
 * @param {string} page
 * @param {(name: string) => Promise<string>} helpOf returns the help of the command that is called like this
 */
export async function withHelp(page, helpOf) {
  const names = [...page.matchAll(BLOCK)].map(([, name = ""]) => name);
  const helps = new Map();
  for (const name of names) helps.set(name, await helpOf(name));
  return page.replace(BLOCK, (_, name) => `<!-- help: ${name} -->\n\`\`\`text\n${helps.get(name).trimEnd()}\n\`\`\``);
}

/** The commands whose help the page shows. @param {string} page */
export function shownBy(page) {
  return [...page.matchAll(BLOCK)].map(([, name = ""]) => name);
}
