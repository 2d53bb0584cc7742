// The first-hour programs with the other libraries, which docs/first-hour.md compares with ours, behave as ours do.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Child, root, run } from "../fixtures/child.ts";
import { checkPage, checkSensor, checkWorker } from "../fixtures/first-hour.ts";

const folder = "bench/first-hour";

beforeAll(() => {
  if (!existsSync(join(root, "bench/node_modules/mqtt"))) throw new Error("run `npm --prefix bench ci`");
});
afterAll(() => vi.unstubAllGlobals());

test("MQTT.js: the sensor", () => checkSensor(`${folder}/sensor.mqttjs.js`));

test("MQTT.js: the worker", () => checkWorker(`${folder}/worker.mqttjs.js`));

test("MQTT.js: the dashboard's script", () => checkPage(`${folder}/page.mqttjs.js`));

test("MQTT.js and aedes: the test of the worker", async () => {
  const { code, lines } = await run(
    new Child("worker.test.mqttjs.js", process.execPath, ["--test", join(root, folder, "worker.test.mqttjs.js")]),
  );
  expect(lines.filter((line) => line.startsWith("not ok"))).toEqual([]);
  expect(code).toBe(0);
});
