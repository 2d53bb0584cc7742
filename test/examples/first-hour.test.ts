// The three programs of the first hour, started as their first lines describe. The programs of
// test/interop/first-hour.test.ts do the same.
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { Child, root, run } from "../fixtures/child.ts";
import { checkPage, checkSensor, checkWorker } from "../fixtures/first-hour.ts";

afterAll(() => vi.unstubAllGlobals());

test("sensor.js waits for its server, publishes, reports lost messages, and ends", () =>
  checkSensor("examples/sensor.js"));

test("worker.js does each job, also after it was killed, answers requests, and ends", () =>
  checkWorker("examples/worker.js"));

test("worker.test.js passes", async () => {
  const { code, lines } = await run(
    new Child("worker.test.js", process.execPath, ["--test", join(root, "examples/worker.test.js")]),
  );
  expect(lines.filter((line) => line.startsWith("not ok"))).toEqual([]);
  expect(code).toBe(0);
});

test("the dashboard's script shows values and its connection, and switches the lamp", () =>
  checkPage("examples/dashboard/dashboard.js"));

test("serve.js serves the page and all files that it loads", async () => {
  await using server = new Child("serve.js", process.execPath, [
    join(root, "examples/dashboard/serve.js"),
    ...["0", "0", "0"],
  ]);
  const url = new URL((await server.said("open http")).slice("open ".length));
  const page = await fetch(url);
  const html = await page.text();
  expect(html).toContain("importmap");
  const loaded = [...html.matchAll(/"([^"]+\.js)"/g)].map(([, path = ""]) => new URL(path, url));
  expect(loaded).toHaveLength(2);
  for (const each of loaded) {
    const response = await fetch(each);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/javascript"]);
    expect((await response.text()).length).toBeGreaterThan(1_000);
  }
  for (const hidden of ["/package.json", "/"]) expect((await fetch(new URL(hidden, url))).status).toBe(404);
  server.kill("SIGTERM");
  expect(await server.code()).toBe(0);
});
