/**
 * `require` on Node, Bun and Deno: prints whether each entry loads, and whether a process that also imports them has
 * one copy of every class.
 */

const { entries } = JSON.parse(require("node:fs").readFileSync(process.argv[2] ?? "", "utf8"));

async function main() {
  for (const entry of entries) {
    const required = require(entry);
    const imported = await import(entry);
    const names = Object.keys(required).filter((name) => name !== "default" && name !== "__esModule");
    if (names.length === 0) return `${entry} shows nothing`;
    const twice = names.filter((name) => imported[name] !== required[name]);
    if (twice.length > 0) return `${entry} has two copies of ${twice.join(", ")}`;
  }
  return undefined;
}

main().then(
  (error) => console.log(`RESULT ${JSON.stringify([{ feature: "require", ...(error && { error }) }])}`),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
