/** The table of runtimes and features: what passed, what failed, and what is not available, with the reason. */

const FEATURES = [
  "entries",
  "require",
  "tcp",
  "tls",
  "unix",
  "ws",
  "wss",
  "QoS 0–2",
  "reconnect",
  "1 MB payload",
  "durable session",
  "woken",
  "small",
];

const NO_SOCKETS = "browsers have no sockets";
const BARE = "QuickJS has no network. A helper program connects, and can use this transport too (`docs/quickjs.md`)";
const NO_WAKE = "a process receives no such events";

const server = { woken: NO_WAKE };
const NO_REQUIRE = "it loads ES modules only";
const browser = { require: NO_REQUIRE, tcp: NO_SOCKETS, tls: NO_SOCKETS, unix: NO_SOCKETS };

/**
 * The features that are not available, where, and why.
 *
 * @type {Record<string, Record<string, string>>}
 */
const ABSENT = {
  "Node 20.0": server,
  "Node 20": server,
  "Node 22": server,
  "Node 24": server,
  "Node 26": server,
  Bun: server,
  Deno: server,
  Chromium: browser,
  "Web Worker": {
    ...browser,
    woken: "Chromium does not report to a worker that the network is back or that its page is shown",
  },
  QuickJS: {
    require: NO_REQUIRE,
    tls: BARE,
    unix: BARE,
    ws: BARE,
    wss: BARE,
    "durable session": "QuickJS has no storage. Pass a store of your own as `store`",
    woken: "it receives no such events",
    small: "the small client needs TextEncoder, URL and AbortController",
  },
};

/**
 * @typedef {{ feature: string } & ({ outcome: "passed" } | { outcome: "failed" | "absent", why: string })} Cell
 * @typedef {{ row: string, version: string | undefined, cells: Cell[] }} Row
 */

/**
 * @param {string} row
 * @param {import("./smoke.js").Step[]} steps
 * @returns {Cell[]} one for each feature; one that exists there and was not tried has failed
 */
export function cellsOf(row, steps) {
  return FEATURES.map((feature) => {
    const tried = steps.filter((step) => step.feature === feature);
    const failed = tried.filter(({ error }) => error !== undefined);
    const why = ABSENT[row]?.[feature];
    if (failed.length > 0) return { feature, outcome: "failed", why: failed.map(({ error }) => error).join("\n") };
    if (tried.length > 0) return { feature, outcome: "passed" };
    if (why !== undefined) return { feature, outcome: "absent", why };
    return { feature, outcome: "failed", why: "it was not tried" };
  });
}

/** As Markdown; each absent cell has a letter with a note. @param {Row[]} rows */
export function asMarkdown(rows) {
  const all = rows.flatMap(({ cells }) => cells);
  const absent = [...new Set(all.flatMap((cell) => (cell.outcome === "absent" ? [cell.why] : [])))];
  /** @param {string} why */
  const mark = (why) => String.fromCharCode(97 + absent.indexOf(why));
  /** @param {Cell} cell */
  const text = (cell) => (cell.outcome === "absent" ? `– (${mark(cell.why)})` : cell.outcome);
  const lines = [
    `| | ${FEATURES.join(" | ")} |`,
    `|---|${FEATURES.map(() => "---|").join("")}`,
    ...rows.map(({ row, version, cells }) => {
      const name = version === undefined ? row : `${row} (${version})`;
      return `| ${name} | ${cells.map(text).join(" | ")} |`;
    }),
    "",
    ...absent.map((why) => `- (${mark(why)}) not available: ${why}`),
  ];
  return lines.join("\n");
}
