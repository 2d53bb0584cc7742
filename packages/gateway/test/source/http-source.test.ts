// What the source "http" answers, and when.
import { createConnection } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type BenchOptions, GatewayBench, numbered, StubbornDisk } from "../gateway-bench.ts";

function start(lines = "", options: BenchOptions = {}): Promise<GatewayBench> {
  return GatewayBench.start({
    sources: `
[[source]]
id = "web"
kind = "http"
listen = "127.0.0.1:0"
topic = "t/{node}"
${lines}
`,
    ...options,
  });
}

const post = (bench: GatewayBench, path = "/ingest/a", init: RequestInit = {}): Promise<Response> =>
  fetch(`${bench.url("web")}${path}`, { method: "POST", body: '{"v":1}', ...init });

/** Writes the text as it is. Resolves to all that is answered until the gateway closes the connection. */
function raw(bench: GatewayBench, ...texts: string[]): Promise<string> {
  const { port } = new URL(bench.url("web"));
  return new Promise((resolve) => {
    const socket = createConnection({ port: Number(port), host: "127.0.0.1" });
    onTestFinished(() => void socket.destroy());
    let said = "";
    socket.setEncoding("latin1").on("data", (text) => {
      said += text;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(said));
    for (const text of texts) socket.write(text);
  });
}

test("answers 202 after the record is synced, and not before", async () => {
  const disk = new StubbornDisk();
  const bench = await start("", { fileSystem: disk });
  expect((await post(bench)).status).toBe(202);
  const release = disk.hold();
  const { syncs } = disk;
  let isAnswered = false;
  const answer = post(bench).finally(() => {
    isAnswered = true;
  });
  await bench.until(() => disk.syncs > syncs);
  expect(isAnswered).toBe(false);
  expect(bench.counts("web").in).toBe(1);
  release();
  expect((await answer).status).toBe(202);
  await bench.until(() => bench.messages.length === 2);
  expect(bench.messages[1]).toEqual({ topic: "t/a", payload: '{"v":1}' });
});

test.each<[string, number, string, RequestInit, RegExp]>([
  ["a valid POST", 202, "/ingest/a", {}, /^accepted\n$/],
  ["a valid PUT", 202, "/ingest/a?x=1", { method: "PUT" }, /^accepted\n$/],
  ["a body that is not JSON", 400, "/ingest/a", { body: "x" }, /^decode: /],
  ["an empty body", 400, "/ingest/a", { body: "" }, /empty/],
  ["a body that is not UTF-8", 400, "/ingest/a", { body: new Uint8Array([34, 255, 34]) }, /^encoding: /],
  ["another path", 404, "/other", {}, /\/ingest\/\{node\}/],
  ["a path with a level more", 404, "/ingest/a/b", {}, /nothing here/],
  ["a path with an empty level", 404, "/ingest/", {}, /nothing here/],
  ["an ill-formed escape", 404, "/ingest/%ff", {}, /nothing here/],
  ["another method", 405, "/ingest/a", { method: "DELETE" }, /POST or PUT/],
  ["a GET", 405, "/ingest/a", { method: "GET", body: null }, /POST or PUT/],
  ["a body that is too long", 413, "/ingest/a", { body: "x".repeat(101) }, /100 bytes/],
])("answers %s with %d", async (_, status, path, init, text) => {
  const bench = await start('max_body = "100B"');
  const response = await post(bench, path, init);
  expect(response.status).toBe(status);
  expect(await response.text()).toMatch(text);
  if (status === 405) expect(response.headers.get("allow")).toBe("POST, PUT");
  expect((await post(bench)).status).toBe(202);
});

test("takes fields from the path, and a device cannot add a topic level with them", async () => {
  const bench = await GatewayBench.start({
    sources: `
[[source]]
id = "web"
kind = "http"
listen = "127.0.0.1:0"
path = "/in/{node-id}/{a.b}"
topic = "t/{node-id}/{a.b}"
`,
  });
  expect((await post(bench, "/in/n%C3%BC/x%2Fy%2B%23")).status).toBe(202);
  await bench.until(() => bench.messages.length === 1);
  expect(bench.messages[0]?.topic.split("/")).toHaveLength(3);
  expect(bench.messages[0]?.topic).toMatch(/^t\/n/);
});

test("requires the token, also before it says anything about the path", async () => {
  const bench = await start('token = "s3cret"');
  for (const authorization of [
    undefined,
    "Bearer",
    "Bearer x",
    "Bearer s3cret2",
    "Bearer s3cre",
    "Basic s3cret",
    "s3cret",
  ]) {
    for (const path of ["/ingest/a", "/other"]) {
      const response = await post(bench, path, authorization === undefined ? {} : { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(await response.text()).not.toContain("s3cret");
    }
  }
  expect(bench.counts("web").in).toBe(0);
  for (const authorization of ["Bearer s3cret", "bearer  s3cret"]) {
    expect((await post(bench, "/ingest/a", { headers: { authorization } })).status).toBe(202);
  }
});

test("answers 429 with Retry-After while the spool is full, and accepts again when it has room", async () => {
  const bench = await start("", { spool: 'mode = "memory"\nmax_records = 3', online: false });
  for (const status of [202, 202, 202, 429, 429]) {
    const response = await post(bench);
    expect(response.status).toBe(status);
    if (status === 429) expect(response.headers.get("retry-after")).toBe("5");
  }
  expect(bench.counts("web")).toEqual({ in: 5, out: 0, spooled: 3, dropped: { full: 2 } });
  bench.online();
  await bench.until(() => bench.counts("web").out === 3);
  expect((await post(bench)).status).toBe(202);
});

test("answers 503 for a QoS 0 record without a server", async () => {
  const bench = await start("qos = 0", { online: false });
  const response = await post(bench);
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(bench.counts("web").dropped).toEqual({ offline: 1 });
});

test("answers 413 to a chunked body that is too long, at the first byte too many", async () => {
  const bench = await start('max_body = "100B"');
  const chunk = `40\r\n${"x".repeat(64)}\r\n`;
  const said = await raw(
    bench,
    `POST /ingest/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
  );
  expect(said).toMatch(/^HTTP\/1.1 413 /);
  expect((await post(bench)).status).toBe(202);
});

test("takes chunked bodies, cut anywhere", async () => {
  const bench = await start();
  const text =
    'POST /ingest/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"v\r\n4\r\n":1}\r\n0\r\n\r\n';
  expect(await raw(bench, ...text)).toMatch(/^HTTP\/1.1 202 /);
  await bench.until(() => bench.messages.length === 1);
  expect(bench.messages[0]?.payload).toBe('{"v":1}');
});

test("accepts nothing of a body that was aborted", async () => {
  const bench = await start();
  const { port } = new URL(bench.url("web"));
  await new Promise<void>((resolve) => {
    const socket = createConnection({ port: Number(port), host: "127.0.0.1" }, () => {
      socket.write('POST /ingest/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"v":1}', () => socket.destroy());
    });
    socket.on("close", () => resolve());
  });
  expect((await post(bench)).status).toBe(202);
  await bench.until(() => bench.source("web").connections === 0);
  expect(bench.counts("web").in).toBe(1);
});

test("serves 40 requests at a time: max_requests of them, and 429 for the others", async () => {
  const disk = new StubbornDisk();
  const bench = await start("max_requests = 30", { fileSystem: disk });
  expect((await post(bench)).status).toBe(202);
  const release = disk.hold();
  const answers = numbered(1, 40).map((n) => post(bench, `/ingest/${n}`));
  const early: number[] = [];
  for (const each of answers) void each.then(({ status }) => early.push(status));
  await bench.until(() => early.length === 10);
  expect(early.every((status) => status === 429)).toBe(true);
  release();
  await bench.until(() => early.length === 40);
  expect(early.filter((status) => status === 202)).toHaveLength(30);
  expect(bench.counts("web").in).toBe(31);
});

test("frames of lines in one body are accepted one by one, also more than fit in one commit", async () => {
  const bench = await start('frame = "line"\nfirst = "keep"\ndecode = { format = "csv", fields = ["v"] }', {
    spool: 'mode = "memory"\nmax_records = 100',
    online: false,
  });
  const response = await post(bench, "/ingest/a", { body: numbered(1, 90).join("\n") });
  expect(response.status).toBe(202);
  expect(bench.counts("web")).toEqual({ in: 90, out: 0, spooled: 90, dropped: {} });
});

test("a stop ends open requests and connections", async () => {
  const bench = await start();
  const said = raw(bench, "POST /ingest/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
  await bench.until(() => bench.source("web").connections === 1);
  await bench.stop();
  expect(await said).not.toContain("202");
  expect(await bench.gateway.ended).toBeUndefined();
});

test("a record that is being synced is answered when the source stops", async () => {
  const disk = new StubbornDisk();
  const bench = await start("", { fileSystem: disk });
  expect((await post(bench)).status).toBe(202);
  const release = disk.hold();
  const { syncs } = disk;
  const answer = post(bench);
  await bench.until(() => disk.syncs > syncs);
  const stopped = bench.stop();
  release();
  expect((await answer).status).toBe(202);
  await stopped;
  expect(await bench.gateway.ended).toBeUndefined();
});

test("answers 202 to a repeat of an accepted record, and 429 beyond the rate", async () => {
  const bench = await start('dedupe = { key = "n", within = "1h" }\nrate = { per_second = 0.001, burst = 2 }');
  const answers: number[] = [];
  for (const n of [1, 1, 2, 3, 2]) answers.push((await post(bench, "/ingest/a", { body: `{"n":${n}}` })).status);
  expect(answers).toEqual([202, 202, 202, 429, 202]);
  await bench.until(() => bench.messages.length === 2);
  expect(bench.counts("web").dropped).toEqual({ duplicate: 2, rate: 1 });
});
