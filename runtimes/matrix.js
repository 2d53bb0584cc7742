/** The table of runtimes and features: what passed, what failed, and what does not exist there, with the reason. */

const FEATURES = [
  "entries",
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
const BARE = "QuickJS has no network: the helper that the host starts dials, and can do this too (`docs/quickjs.md`)";
const NO_WAKE = "nothing tells a process of these";

const server = { woken: NO_WAKE };
const browser = { tcp: NO_SOCKETS, tls: NO_SOCKETS, unix: NO_SOCKETS };

/** What does not exist where, and why. */
const ABSENT = {
  "Node 20": server,
  "Node 22": server,
  "Node 24": server,
  "Node 26": server,
  Bun: server,
  Deno: server,
  Chromium: browser,
  "Web Worker": {
    ...browser,
    woken: "Chromium tells a worker neither that the network is back nor that its page is shown",
  },
  QuickJS: {
    tls: BARE,
    unix: BARE,
    ws: BARE,
    wss: BARE,
    "durable session": "QuickJS has no storage of its own: give `store` one of the user's own",
    woken: "nothing tells it of these",
    small: "the small client needs TextEncoder, URL and AbortController",
  },
};

/** @typedef {{ outcome: "passed" | "failed" | "absent", why?: string }} Cell */

/**
 * @param {string} row
 * @param {import("./smoke.js").Step[]} steps
 * @returns {Record<string, Cell>} a feature that nobody tried, and that exists there, has failed
 */
export function cellsOf(row, steps) {
  const cells = {};
  for (const feature of FEATURES) {
    const tried = steps.filter((step) => step.feature === feature);
    const failed = tried.filter(({ error }) => error !== undefined);
    const why = ABSENT[row][feature];
    if (failed.length > 0) cells[feature] = { outcome: "failed", why: failed.map(({ error }) => error).join("\n") };
    else if (tried.length > 0) cells[feature] = { outcome: "passed" };
    else if (why !== undefined) cells[feature] = { outcome: "absent", why };
    else cells[feature] = { outcome: "failed", why: "it was not tried" };
  }
  return cells;
}

/** As Markdown; absent cells have a letter that a note explains. */
export function asMarkdown(rows) {
  const all = rows.flatMap(({ cells }) => FEATURES.map((feature) => cells[feature]));
  const absent = [...new Set(all.flatMap(({ outcome, why }) => (outcome === "absent" ? [why] : [])))];
  const mark = (why) => String.fromCharCode(97 + absent.indexOf(why));
  const text = ({ outcome, why }) => (outcome === "absent" ? `– (${mark(why)})` : outcome);
  const lines = [
    `| | ${FEATURES.join(" | ")} |`,
    `|---|${FEATURES.map(() => "---|").join("")}`,
    ...rows.map(({ row, version, cells }) => {
      const name = version === undefined ? row : `${row} (${version})`;
      return `| ${name} | ${FEATURES.map((feature) => text(cells[feature])).join(" | ")} |`;
    }),
    "",
    ...absent.map((why) => `- (${mark(why)}) does not exist there: ${why}`),
  ];
  return lines.join("\n");
}
