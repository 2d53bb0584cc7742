// @ts-check
// Counts the lines of the first hour's programs, ours and the peers', and writes the table into docs/first-hour.md. All files are formatted by
// the same rules. Blank lines and lines that hold comments only do not count.
//   npm run lines
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";

const root = new URL("../../", import.meta.url);
const document = new URL("docs/first-hour.md", root);
const BEGIN = "<!-- counted: written by npm run lines -->";
const END = "<!-- end of what was counted -->";

const programs = [
  { name: "sensor", ours: "examples/sensor.js", peer: "sensor.mqttjs.js" },
  { name: "dashboard, the page's script", ours: "examples/dashboard/dashboard.js", peer: "page.mqttjs.js" },
  { name: "worker", ours: "examples/worker.js", peer: "worker.mqttjs.js" },
  { name: "test of the worker", ours: "examples/worker.test.js", peer: "worker.test.mqttjs.js" },
].map(({ peer, ...others }) => ({ ...others, peer: `bench/first-hour/${peer}` }));

/** Returns the number of lines of `text` that are code. @param {string} path @param {string} text */
export function linesOfCode(path, text) {
  const code = parseSync(path, text).comments.reduce(without, text);
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

/** Returns `text` without the tests whose titles are not in `titles`. @param {string} path @param {string} text @param {string[]} titles */
export function withTestsOnly(path, text, titles) {
  const { program } = parseSync(path, text);
  const others = program.body.filter((statement) => {
    const code = text.slice(statement.start, statement.end);
    return titlesOf(code).some((title) => !titles.includes(title));
  });
  return others.reduce(without, text);
}

/** Returns `text` with a part replaced by spaces. @param {string} text @param {{ start: number, end: number }} part */
function without(text, { start, end }) {
  return text.slice(0, start) + text.slice(start, end).replace(/[^\n]/g, " ") + text.slice(end);
}

/** @param {string} text */
const titlesOf = (text) => [...text.matchAll(/^test\("([^"]+)"/gm)].map(([, title = ""]) => title);

/** Returns the programs with their lines of code, and those of the peers. Of our tests, only those count that the peer has, too. */
export function counted() {
  return programs.map(({ name, ours, peer }) => {
    const ourText = readFileSync(new URL(ours, root), "utf8");
    const peerText = readFileSync(new URL(peer, root), "utf8");
    const whole = { lines: linesOfCode(ours, ourText), tests: titlesOf(ourText).length };
    const common = withTestsOnly(ours, ourText, titlesOf(peerText));
    return {
      name,
      ours: { path: ours, lines: linesOfCode(ours, common), tests: titlesOf(common).length },
      peer: { path: peer, lines: linesOfCode(peer, peerText), tests: titlesOf(peerText).length },
      whole,
    };
  });
}

/** Returns docs/first-hour.md with the current table. @param {string} text the present document */
export function withTable(text) {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/first-hour.md: needs the lines "${BEGIN}" and "${END}"`);
  const lines = counted().map(({ name, ours, peer, whole }) => {
    const more = whole.tests > ours.tests ? ` (${whole.lines} with all ${whole.tests} tests)` : "";
    const what = peer.tests > 0 ? `${name}, the ${peer.tests} tests that both have` : name;
    return `| ${what} | [${ours.lines}](../${ours.path})${more} | [${peer.lines}](../${peer.path}) |`;
  });
  const table = ["| program | lines here | lines with MQTT.js |", "|---|---|---|", ...lines].join("\n");
  return `${text.slice(0, begin)}${BEGIN}\n\n${table}\n\n${text.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = withTable(readFileSync(document, "utf8"));
  writeFileSync(document, text);
  console.log(text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)).trim());
}
