// Writes the measured figures into docs/performance.md, between two marks, and the plots into the same folder. The text outside the marks stays.
import { readFileSync, writeFileSync } from "node:fs";
import { barChart, lineChart } from "./chart.js";
import { figureOf, format, growth, judge, ratio } from "./result.js";

/**
 * @typedef {import("./case.ts").Result} Result
 * @typedef {import("./case.ts").Results} Results
 * @typedef {import("./case.ts").Case & { result: Result }} Measured
 */

const BEGIN = "<!-- measured: written by npm run bench -->";
const END = "<!-- end of what was measured -->";
const docs = new URL("../docs/", import.meta.url);

const groups = {
  speed: "Speed",
  limits: "Compared with the limits",
  codec: "The codec",
  connections: "Connections",
  latency: "Latency",
  processor: "Processor time of a message through mosquitto",
  sweeps: "Does a message cost the same with many others?",
  large: "One payload of 256 MB",
  shell: "From the shell",
  broker: "The broker",
  "broker, stored sessions": "The broker with stored sessions",
  "broker latency": "Latency through the broker",
  size: "Size",
};

/** @param {import("./case.ts").Case[]} cases all of them, in order @param {Results} results */
export function writeDocument(cases, results) {
  const measured = cases.flatMap((each) => {
    const result = results.cases[each.name];
    return result === undefined ? [] : [{ ...each, result }];
  });
  const text = readFileSync(new URL("performance.md", docs), "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/performance.md: needs the lines "${BEGIN}" and "${END}"`);
  const parts = [machineText(results, measured), goalTable(measured), ratioPlot(measured)];
  for (const [group, title] of Object.entries(groups)) {
    const table = groupTable(group, measured);
    if (table !== undefined) parts.push(`## ${title}`, table);
  }
  const written = `${BEGIN}\n\n${parts.join("\n\n")}\n\n`;
  writeFileSync(new URL("performance.md", docs), text.slice(0, begin) + written + text.slice(end));
}

/** @param {Results} results @param {Measured[]} measured */
function machineText({ machine }, measured) {
  const { processor, cores, memory, system, node, peers } = machine;
  const rounds = measured.filter(({ once }) => !once).map(({ result }) => result.rounds);
  const dates = measured.map(({ result }) => result.measured.slice(0, 10)).sort();
  const when = dates[0] === dates.at(-1) ? dates[0] : `${dates[0]} … ${dates.at(-1)}`;
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  return (
    `Measured ${when} on ${cores} cores of ${processor}, ${memory}, ${system}, Node ${node}, compared with ${versions.join(", ")}. ` +
    `Medians of at least ${Math.min(...rounds)} rounds.`
  );
}

/** @param {Measured[]} measured */
function goalTable(measured) {
  const lines = ["## Goals", "", "| work | ours | goal | measured | |", "|---|---|---|---|---|"];
  for (const { rows, result } of measured) {
    for (const row of rows) {
      for (const goal of row.goals) {
        const { words, measured: value, unit, reached } = judge(result, row, goal);
        const verdict = reached === undefined ? "not measured" : reached ? "**reached**" : "not reached";
        const ours = format(figureOf(result, "ours", row.figure), row.unit);
        lines.push(`| ${row.name} | ${ours} | ${words} | ${format(value, unit)} | ${verdict} |`);
      }
    }
  }
  return lines.join("\n");
}

/** @param {Measured[]} measured */
function ratioPlot(measured) {
  const rows = measured.flatMap(({ rows, result }) =>
    rows.filter(({ group }) => group === "speed" || group === "codec").map((row) => ({ row, result })),
  );
  if (rows.length === 0) return "";
  const svg = barChart({
    title: "How many times as fast as the peers",
    categories: rows.map(({ row }) => row.name.replace(", each awaited before the next", ", each awaited")),
    x: { name: "times" },
    series: Object.entries(charted).map(([name, contenders]) => ({
      name,
      values: rows.map(({ row, result }) => rounded(firstOf(contenders.map((each) => ratio(result, row, each))))),
    })),
  });
  writeFileSync(new URL("performance-ratios.svg", docs), svg);
  return "![How many times as fast as the peers](performance-ratios.svg)";
}

/** The contenders that have bars. MQTT.js's codec is a separate package. */
const charted = {
  "MQTT.js, mqtt-packet": ["MQTT.js", "mqtt-packet"],
  libmosquitto: ["libmosquitto"],
  "aws-crt": ["aws-crt"],
};

/** @param {(number | undefined)[]} values */
const firstOf = (values) => values.find((value) => value !== undefined);
/** @param {number | undefined} value */
const rounded = (value) => (value === undefined ? undefined : Math.round(value * 10) / 10);

/**
 * Returns the table of a group, with a column for each contender: its median, and how many times as good ours is.
 *
 * @param {string} group
 * @param {Measured[]} measured
 */
function groupTable(group, measured) {
  const rows = measured.flatMap((each) =>
    each.rows
      .filter((row) => row.group === group)
      .map((row) => ({ row, result: each.result, contenders: row.contenders ?? Object.keys(each.contenders) })),
  );
  if (rows.length === 0) return undefined;
  const columns = [...new Set(rows.flatMap(({ contenders }) => contenders))];
  const lines = [`| | ${columns.join(" | ")} |`, `|---|${columns.map(() => "---|").join("")}`];
  for (const { row, result, contenders } of rows) {
    const cells = columns.map((column) => (contenders.includes(column) ? cell(result, row, column) : ""));
    lines.push(`| ${row.name} | ${cells.join(" | ")} |`);
  }
  const cases = measured.filter(({ rows }) => rows.some((row) => row.group === group));
  return [lines.join("\n"), ...flatness(cases), ...remarks(cases, columns), ...plots(cases)].join("\n\n");
}

/** @param {Result} result @param {import("./case.ts").Row} row @param {string} contender */
function cell(result, row, contender) {
  const value = format(figureOf(result, contender, row.figure), row.unit);
  const times = contender === "ours" ? undefined : ratio(result, row, contender);
  return times === undefined || !Number.isFinite(times) ? value : `${value} (${format(times, "×")})`;
}

/** @param {Measured[]} cases */
function flatness(cases) {
  const lines = [];
  for (const { name, flat, contenders, result } of cases) {
    if (flat === undefined) continue;
    const costs = Object.keys(contenders).map(
      (contender) => `${contender} ${format(growth(result, flat, contender), "×")}`,
    );
    lines.push(`- ${name}: a message at ${flat.to} costs, in multiples of one at ${flat.from}: ${costs.join(", ")}.`);
  }
  return lines.length === 0 ? [] : [lines.join("\n")];
}

/** Returns failures, missing contenders, and notes of contenders. @param {Measured[]} cases @param {string[]} columns */
function remarks(cases, columns) {
  const lines = [];
  for (const { name, result } of cases) {
    for (const [contender, outcome] of Object.entries(result.contenders)) {
      if (!columns.includes(contender)) continue;
      if (outcome.failed !== undefined) {
        lines.push(`- ${name}: ${contender}: ${outcome.failed}`);
      } else if (outcome.note !== undefined) {
        const words = Object.entries(outcome.note).map(([what, value]) => `${value} ${what}`);
        lines.push(`- ${name}: ${contender}: ${words.join(", ")}`);
      }
    }
  }
  return lines.length === 0 ? [] : [lines.join("\n")];
}

/** @param {Measured[]} cases */
function plots(cases) {
  const images = [];
  for (const { chart, contenders, result } of cases) {
    if (chart === undefined) continue;
    const series = Object.keys(contenders)
      .map((name) => ({
        name,
        points: Object.entries(chart.points).flatMap(([figure, x]) => {
          const y = figureOf(result, name, figure);
          return y === undefined ? [] : [/** @type {[number, number]} */ ([x, y])];
        }),
      }))
      .filter(({ points }) => points.length > 0);
    const svg = lineChart({
      title: chart.title,
      x: { name: chart.x, logarithmic: true },
      y: { name: chart.y, logarithmic: true },
      series,
    });
    writeFileSync(new URL(chart.file, docs), svg);
    images.push(`![${chart.title}](${chart.file})`);
  }
  return images;
}
