// The source "stdin": its end, its back-pressure, and what a reload does to it.
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { type BenchOptions, GatewayBench, numbered } from "../gateway-bench.ts";

const STDIN = `
[[source]]
id = "in"
kind = "stdin"
first = "keep"
decode = { format = "csv", fields = ["n:u32"] }
topic = "t/{n}"
`;

function start(input: PassThrough, options: BenchOptions = {}): Promise<GatewayBench> {
  return GatewayBench.start({ input, sources: STDIN, ...options });
}

const lines = (from: number, to: number): string =>
  numbered(from, to)
    .map((n) => `${n}\n`)
    .join("");

test("the end of the input ends the gateway once everything is delivered", async () => {
  const input = new PassThrough();
  const bench = await start(input, { online: false });
  input.end(lines(1, 300));
  await bench.until(() => bench.log.some((line) => line.includes("all sources have ended spooled=300")));
  await bench.gateway.reload(bench.configurationWith({ gateway: 'log = "debug"' }));
  bench.online();
  expect(await bench.gateway.ended).toBeUndefined();
  expect(bench.counts("in")).toEqual({ in: 300, out: 300, spooled: 0, dropped: {} });
});

test("the end of the input does not wait for a server that cannot be reached if the spool is on a disk", async () => {
  const input = new PassThrough();
  const bench = await start(input, { online: false, disk: true, gateway: 'shutdown = "100ms"' });
  input.end(`${lines(1, 5_000)}5001`);
  expect(await bench.gateway.ended).toBeUndefined();
  expect(bench.counts("in")).toEqual({ in: 5_001, out: 0, spooled: 5_001, dropped: {} });
  expect(bench.source("in")).toMatchObject({ state: "ended", connections: 0 });
});

test("an input that is empty ends the gateway", async () => {
  const input = new PassThrough();
  input.end();
  const bench = await start(input);
  expect(await bench.gateway.ended).toBeUndefined();
});

test("another source keeps the gateway running", async () => {
  const input = new PassThrough();
  const bench = await start(input, {
    sources: `${STDIN}
[[source]]
id = "web"
kind = "http"
listen = "127.0.0.1:0"
topic = "t"
`,
  });
  input.end("1\n");
  await bench.until(() => bench.messages.length === 1);
  expect((await fetch(`${bench.url("web")}/ingest/a`, { method: "POST", body: "{}" })).status).toBe(202);
});

test("an error of the input is shown, and ends it", async () => {
  const input = new PassThrough();
  const bench = await start(input);
  input.write("1\n");
  await bench.until(() => bench.counts("in").in === 1);
  input.destroy(new Error("EIO: read failed"));
  expect(await bench.gateway.ended).toBeUndefined();
  expect(bench.source("in")).toMatchObject({ state: "ended", lastError: "EIO: read failed" });
});

test("an input that is destroyed without an error ends too", async () => {
  const input = new PassThrough();
  const bench = await start(input);
  input.destroy();
  expect(await bench.gateway.ended).toBeUndefined();
});

test("the input is not read while the spool is full, and goes on in order", async () => {
  const input = new PassThrough();
  const bench = await start(input, { spool: 'mode = "memory"\nmax_records = 50', online: false });
  let isFull = false;
  for (let from = 1; !isFull && from < 200_000; from += 1_000) {
    isFull = !input.write(lines(from, from + 999));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(isFull).toBe(true);
  await bench.until(() => bench.counts("in").spooled > 45);
  bench.online();
  await bench.until(() => bench.messages.length > 5_000);
  expect(bench.topics.slice(0, 5_000)).toEqual(numbered(1, 5_000).map((n) => `t/${n}`));
  expect(bench.counts("in").dropped).toEqual({});
});

test("a reload that changes the source goes on reading the same input", async () => {
  const input = new PassThrough();
  const bench = await start(input);
  input.write("1\n");
  await bench.until(() => bench.messages.length === 1);
  await bench.gateway.reload(bench.configurationWith({ sources: STDIN.replace('"t/', '"u/') }));
  input.write("2\n");
  await bench.until(() => bench.messages.length === 2);
  expect(bench.topics).toEqual(["t/1", "u/2"]);
  input.end();
  expect(await bench.gateway.ended).toBeUndefined();
  expect(bench.log.filter((line) => line.includes("the input has ended"))).toHaveLength(1);
});

test("a reload after the end of the input does not wait for it again", async () => {
  const input = new PassThrough();
  const web = `
[[source]]
id = "web"
kind = "http"
listen = "127.0.0.1:0"
topic = "t"
`;
  const bench = await start(input, { sources: `${STDIN}${web}` });
  input.end("1\n");
  await bench.until(() => bench.source("in").state === "ended");
  await bench.gateway.reload(bench.configurationWith({ sources: STDIN.replace('"t/', '"u/') }));
  expect(await bench.gateway.ended).toBeUndefined();
});
