// Simulates 100,000 clients that lose their server for five minutes. Draws their connection attempts per second: docs/reconnect.svg.
// npm run simulate
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { attemptsBound, simulateOutage } from "../scripts/outage.js";
import { lineChart } from "./chart.js";

const CLIENTS = 100_000;
const OUTAGE = 300;
const CAPACITY = 2_000;
const runs = [
  { name: "1 s … 60 s (default)", reconnect: { initialDelay: 1_000, maximumDelay: 60_000 } },
  { name: "20 s … 120 s", reconnect: { initialDelay: 20_000, maximumDelay: 120_000 } },
];

/** @type {import("./chart.js").Line[]} */
const series = [];
for (const { name, reconnect } of runs) {
  const { attempts, online } = await simulateOutage({
    clients: CLIENTS,
    outage: OUTAGE,
    after: 300,
    capacity: CAPACITY,
    reconnect,
  });
  const bounds = attempts.map((_, second) => attemptsBound(CLIENTS, reconnect, second));
  const most = Math.max(...attempts);
  /** @param {number} second */
  const bound = (second) => Math.round(bounds[second] ?? NaN);
  const steady = Math.max(...attempts.slice(120, OUTAGE));
  const all = online.indexOf(CLIENTS);
  console.log(
    `${name}: at most ${most} attempts in a second (bound then ${bound(attempts.indexOf(most))}), ` +
      `from minute two on ${steady} (${bound(OUTAGE)}); ` +
      `all online ${all < 0 ? "not within this run" : `${all + 1 - OUTAGE} s after the server came back`}`,
  );
  const beyond = attempts.findIndex((count, second) => count > (bounds[second] ?? NaN));
  if (beyond >= 0)
    throw new Error(`${name}: ${attempts[beyond]} attempts in second ${beyond}, the bound is ${bounds[beyond]}`);
  series.push({ name, points: attempts.map((count, second) => [second, count + 1]) });
  series.push({ name: `${name}: bound`, dashed: true, points: bounds.map((bound, second) => [second, bound + 1]) });
}
series.push({
  name: "fixed delay of 1 s, computed",
  dashed: true,
  points: [
    [0, CLIENTS],
    [OUTAGE, CLIENTS],
  ],
});

const svg = lineChart({
  title: "Connection attempts of 100,000 clients in each second",
  subtitle: "The server is away for 300 s, then accepts 2,000 connections in a second",
  x: { name: "seconds since the server went away" },
  y: { name: "attempts + 1", logarithmic: true },
  series,
});
const file = fileURLToPath(new URL("../docs/reconnect.svg", import.meta.url));
writeFileSync(file, svg);
console.log("written: docs/reconnect.svg");
