// The commands of the gateway as users run them: child processes, from the build.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { Spool } from "@aiko/mqtt-store";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { Child, run } from "../../../test/fixtures/child.ts";

let broker: Broker;
let directory: string;
let file: string;
let socket: string;
beforeAll(async () => {
  broker = await Broker.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => broker.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-gateway-cli-"));
  file = join(directory, "g.toml");
  socket = join(directory, "admin");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Secrets of the configuration, which no output may contain. */
const PASSWORD = "pa55-w0rd";
const TOKEN = "t0k3n-secret";
const children: Child[] = [];
afterEach(() => {
  for (const { lines, notes } of children.splice(0)) {
    const output = [...lines, ...notes].join("\n");
    expect(output).not.toContain(PASSWORD);
    expect(output).not.toContain(TOKEN);
  }
});

function gateway(...args: string[]): Child {
  return started(args);
}

function started(args: readonly string[], input?: string): Child {
  const options = { environment: { GATEWAY_PASSWORD: PASSWORD }, ...(input === undefined ? {} : { input }) };
  const child = Child.command("aiko-mqtt", ["gateway", ...args], options);
  children.push(child);
  return child;
}

interface Sections {
  readonly url?: string;
  readonly spool?: string;
  readonly sources?: string;
  readonly gateway?: string;
  readonly more?: string;
}

const STDIN = `
[[source]]
id = "in"
kind = "stdin"
first = "keep"
decode = { format = "csv", fields = ["n:u32"] }
topic = "t/{n}"
`;
const TCP = `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:0"
decode = { format = "csv", fields = ["n:u32"] }
topic = "t/{n}"
acknowledge = "ok {n}\\n"
`;

function write({ url = broker.url, spool, sources = TCP, gateway: own = "", more = "" }: Sections = {}): void {
  writeFileSync(
    file,
    `[gateway]
id = "cli"
log = "debug"
${own}
[uplink]
url = "${url}"
username = "cli"
password = "\${GATEWAY_PASSWORD}"
reconnect = { min = "10ms", max = "100ms" }
[spool]
${spool ?? `dir = "${join(directory, "spool")}"`}
[admin]
socket = "${socket}"
${sources}
[[source]]
id = "web"
kind = "http"
listen = "127.0.0.1:0"
token = "${TOKEN}"
topic = "t"
${more}`,
  );
}

async function up(): Promise<Child> {
  const child = gateway("--config", file);
  return child.once(() => child.noted("connected to the server"));
}

/** For tests of times: the machine may stop during one attempt. */
const timed = { retry: 3 } as const;

describe("gateway", () => {
  test("runs until SIGTERM, which ends it with 0 within two seconds", timed, async () => {
    write();
    await using child = await up();
    const began = performance.now();
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(child.lines).toEqual([]);
  });

  test.each([
    ["within two seconds", 'shutdown = "2s"', ["SIGTERM"], 0],
    ["at once with 130 after a second signal", 'shutdown = "10m"', ["SIGINT", "SIGINT"], 130],
  ] as const)("with a server that does not acknowledge, it ends %s", timed, async (_, own, signals, exitCode) => {
    const server = createServer((peer) => {
      peer.on("error", () => {}).once("data", () => peer.write(new Uint8Array([0x20, 3, 0, 0, 0])));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    write({ url: `mqtt://127.0.0.1:${port}`, gateway: own, sources: STDIN });
    await using child = started(["--config", file], "1\n2\n3\n");
    await child.noted("the input has ended");
    await child.noted("connected");
    const began = performance.now();
    for (const signal of signals) {
      child.kill(signal);
      await child.noted("the gateway stops");
    }
    expect(await child.code()).toBe(exitCode);
    expect(performance.now() - began).toBeLessThan(4_000);
    server.close();
  });

  test("reports each problem of the configuration on its own line, with 78", async () => {
    writeFileSync(
      file,
      `[gateway]\nid = "a b"\n[uplink]\nurl = "http://x"\npassword = "\${NONE}"\n[spool]\ndirr = "x"\n`,
    );
    for (const args of [
      ["--config", file],
      ["check", file],
    ]) {
      const { code, lines, notes } = await run(gateway(...args));
      expect(code).toBe(78);
      expect(lines).toEqual([]);
      expect(notes.length).toBeGreaterThanOrEqual(4);
      for (const note of notes) expect(note).toMatch(/^aiko-mqtt gateway( check)?: .*g\.toml:\d+: /);
      expect(notes.join("\n")).toContain("did you mean");
    }
  });

  test("reports a configuration that cannot be read with 78", async () => {
    const { code, notes } = await run(gateway("--config", join(directory, "none.toml")));
    expect([code, notes.length]).toEqual([78, 1]);
    expect(notes[0]).toContain("none.toml");
  });

  test("reports a spool that another gateway uses with 73", async () => {
    write();
    await using child = await up();
    for (const args of [
      ["--config", file],
      ["spool", "ls", "--config", file],
    ]) {
      const { code, notes } = await run(gateway(...args));
      expect(notes.join("\n")).toContain("already open");
      expect(code).toBe(73);
    }
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
  });

  test("reports a spool that cannot be used with 74", async () => {
    write({ spool: 'dir = "/dev/null/spool"' });
    for (const args of [
      ["--config", file],
      ["spool", "ls", "--config", file],
    ]) {
      const { code, notes } = await run(gateway(...args));
      expect(notes.join("\n")).toContain("/dev/null/spool");
      expect(code).toBe(74);
    }
  });

  test("publishes what comes on standard input, and ends with it", async () => {
    const got: string[] = [];
    await using observer = await connect(broker.url);
    await observer.subscribe("t/+", { qos: 1, onMessage: (message) => void got.push(message.topic) });
    write({ sources: STDIN });
    writeFileSync(file, readFileSync(file, "utf8").replace(/\[\[source\]\]\nid = "web".*/s, ""));
    const { code } = await run(started(["--config", file], "1\n2\n3\n"));
    expect(code).toBe(0);
    await expect.poll(() => got.length).toBeLessThanOrEqual(3);
    // What was not delivered in time is in the spool.
    const { lines } = await run(gateway("spool", "export", "--config", file));
    expect(got.length + lines.length).toBeGreaterThanOrEqual(3);
  });

  test("SIGHUP reloads a good file, and keeps running with a bad one", async () => {
    write();
    await using child = await up();
    write({ more: TCP.replace('"lines"', '"second"') });
    child.kill("SIGHUP");
    await child.noted("the configuration was reloaded");
    await child.noted("source=second");
    writeFileSync(file, "[gateway]\nid = 1\n");
    child.kill("SIGHUP");
    await child.noted("goes on with the one before");
    write({ spool: 'mode = "memory"' });
    child.kill("SIGHUP");
    await child.noted("restart the gateway");
    const status = JSON.parse((await run(gateway("status", "--socket", socket))).lines.join("\n"));
    expect(status).toMatchObject({ failedReloads: 2, sources: { lines: { state: "up" }, second: { state: "up" } } });
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
  });
});

describe("gateway check", () => {
  test("reports a valid configuration with 0", async () => {
    write();
    const { code, lines, notes } = await run(gateway("check", file));
    expect({ code, lines, notes }).toEqual({ code: 0, lines: [`${file}: valid; 2 sources`], notes: [] });
  });

  test("does not create the spool's directory", async () => {
    write();
    await run(gateway("check", file));
    expect(existsSync(join(directory, "spool"))).toBe(false);
  });

  test("warns of what can lose records", async () => {
    write({ spool: 'mode = "memory"\nsync = "never"' });
    const { code, notes } = await run(gateway("check", file));
    expect(code).toBe(0);
    expect(notes).toHaveLength(2);
  });

  const examples = readdirSync("examples/gateway", { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test.each(examples)("accepts the example device $name", async ({ name }) => {
    const text = readFileSync(`examples/gateway/${name}/gateway.toml`, "utf8");
    writeFileSync(file, text.replace("/var/lib/aiko-gateway", join(directory, "spool")));
    const { code, lines, notes } = await run(gateway("check", file));
    expect([code, lines]).toEqual([0, [`${file}: valid; 1 source`]]);
    // The example's device does not exist here.
    expect(notes.filter((note) => !/warning: \S+: (device|run|cwd|listen): /.test(note))).toEqual([]);
  });

  test("warns of devices and programs that do not exist", async () => {
    const serial = STDIN.replace('"stdin"', '"serial"\ndevice = "/no/such/tty"').replace('"in"', '"line"');
    write({ sources: `${serial}enabled = false\n${serial.replace('"line"', '"other"')}` });
    const { code, notes } = await run(gateway("check", file));
    expect(code).toBe(0);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("warning: other: device: ENOENT");
  });

  test("reports a directory that cannot be used, and a spool that is larger than the disk, with 78", async () => {
    write({ spool: 'dir = "/dev/null/spool"' });
    const first = await run(gateway("check", file));
    expect([first.code, first.notes.length]).toEqual([78, 1]);
    expect(first.notes[0]).toContain("spool.dir");
    write({ spool: `dir = "${join(directory, "spool")}"\nmax_bytes = "1024GiB"` });
    const second = await run(gateway("check", file));
    expect([second.code, second.notes.length]).toEqual([78, 1]);
    expect(second.notes[0]).toContain("spool.max_bytes");
  });

  test("--connect reports a server that cannot be reached, and accepts one that can", async () => {
    write();
    expect((await run(gateway("check", file, "--connect"))).code).toBe(0);
    write({ url: "mqtt://127.0.0.1:1" });
    const { code, notes } = await run(gateway("check", file, "--connect"));
    expect([code, notes.length]).toEqual([78, 1]);
    expect(notes[0]).toContain("uplink.url");
  });
});

test("a server with TLS is reached with the certificates of the configuration, by check and by the gateway", async () => {
  const authority = await Authority.named("Test authority");
  const own = await authority.issue(["gateway"]);
  await using secure = await Broker.listen({
    port: 0,
    tls: { ...(await authority.issue(["127.0.0.1"])), clientCa: authority.certificate },
  });
  for (const [name, text] of Object.entries({ ca: authority.certificate, cert: own.certificate, key: own.key })) {
    writeFileSync(join(directory, name), text);
  }
  const url = `mqtts://127.0.0.1:${secure.port}`;
  write({ url });
  expect((await run(gateway("check", file, "--connect"))).code).toBe(78);
  const path = (name: string): string => JSON.stringify(join(directory, name));
  write({ url: `${url}"\nca = ${path("ca")}\ncert = ${path("cert")}\nkey = "file:${join(directory, "key")}` });
  const checked = await run(gateway("check", file, "--connect"));
  expect([checked.notes, checked.code]).toEqual([[], 0]);
  await using child = await up();
  child.kill("SIGTERM");
  expect(await child.code()).toBe(0);
});

describe("gateway explain", () => {
  test("shows the same for --hex, --file and standard input", async () => {
    write();
    writeFileSync(join(directory, "bytes"), "1\n2\nx\n");
    const hex = await run(gateway("explain", file, "--source", "lines", "--hex", "31 0a 32:0a780A"));
    expect([hex.code, hex.notes]).toEqual([0, []]);
    expect(hex.lines.join("\n")).toContain("t/2");
    expect(hex.lines.join("\n")).toContain("decode");
    const fromFile = await run(gateway("explain", file, "-s", "lines", "--file", join(directory, "bytes")));
    expect(fromFile).toEqual(hex);
    for (const args of [[], ["-"]]) {
      expect(await run(started(["explain", file, "--source", "lines", ...args], "1\n2\nx\n"))).toEqual(hex);
    }
  });

  test.each([
    [["--hex", "1", "--source", "lines"], "pairs of hexadecimal digits"],
    [["--hex", "31", "--file", "x", "--source", "lines"], "--hex cannot be combined with --file"],
    [["--hex", "31", "--source", "none"], "there is no such source; the sources are lines, web"],
    [["--hex", "31"], "missing option --source"],
    [["more", "--hex", "31"], 'unexpected argument "more"'],
    [["--source", "lines", "--file", "/none"], "/none"],
  ])("%j is one line and exit code 1", async (args, words) => {
    write();
    const { code, lines, notes } = await run(gateway("explain", file, ...args));
    expect([code, lines, notes.length]).toEqual([1, [], 1]);
    expect(notes[0]).toContain(words);
  });
});

describe("gateway record and replay", () => {
  const recording = (): string => join(directory, "recording");

  test("what was recorded is replayed as explain shows it, without a server and its secrets", async () => {
    write({ url: "mqtt://127.0.0.1:1", sources: STDIN });
    const recorded = await run(started(["record", file, "--out", recording(), "--source", "in"], "1\n2\nx\n"));
    expect(recorded.code).toBe(0);
    expect(recorded.notes.at(-1)).toMatch(/recording: 6 bytes from 1 connection, \d+ bytes written$/);
    const text = readFileSync(recording(), "utf8");
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(TOKEN);
    const replayed = await run(gateway("replay", file, recording()));
    const explained = await run(started(["explain", file, "--source", "in"], "1\n2\nx\n"));
    expect(replayed.notes).toEqual([]);
    expect(replayed.lines.slice(1, -1)).toEqual(explained.lines.slice(0, -1));
    expect(replayed.lines.at(-1)).toBe('frames: 3, records: 2, dropped "decode": 1');
    expect(await run(gateway("replay", "--config", file, recording(), "--source", "in"))).toEqual(replayed);
  });

  test("a running gateway records what it accepts", async () => {
    write({ sources: STDIN });
    await using child = started(["--config", file, "--record", recording()], "1\n");
    await child.noted("the input has ended");
    child.kill("SIGTERM");
    expect(await child.code()).toBe(0);
    expect((await run(gateway("replay", file, recording()))).lines.at(-1)).toBe("frames: 1, records: 1");
  });

  test("ends at the size that --max-bytes allows, or after --seconds", async () => {
    write({ sources: TCP });
    expect((await run(gateway("record", file, "--out", recording(), "--source", "lines", "--seconds", "1"))).code).toBe(
      0,
    );
    rmSync(recording());
    write({ sources: STDIN });
    const lines = "1\n".repeat(2_000);
    const args = ["record", file, "--out", recording(), "--source", "in", "--max-bytes", "1024"];
    expect((await run(started(args, lines))).code).toBe(0);
    expect(readFileSync(recording()).length).toBeLessThanOrEqual(1_024);
  });

  test.each([
    [["record", "--source", "in"], "missing required option --out"],
    [["record", "--out", "/none/recording"], "/none/recording: ENOENT"],
    [["record", "--source", "none", "--out", "x"], "--source none: there is no such source"],
    [["record", "--out", "package.json"], "package.json: the file exists; remove it or choose another name"],
    [["record", "--out", "x", "--max-bytes", "1"], "--max-bytes 1: must be an integer from 1024 to 268435456"],
    [["replay"], "missing the recording"],
    [["replay", "/none"], "/none: ENOENT"],
    [["replay", "package.json"], "package.json: line 1: is not the head of a recording"],
    [["replay", "package.json", "--source", "none"], "--source none: there is no such source"],
  ])("%j is one line and exit code 1", async ([action = "", ...args], words) => {
    write({ sources: STDIN });
    const { code, lines, notes } = await run(gateway(action, "--config", file, ...args));
    expect([code, lines, notes.length]).toEqual([1, [], 1]);
    expect(notes[0]).toContain(words);
  });

  test("a source that the configuration does not have is named", async () => {
    write({ sources: STDIN });
    await run(started(["record", file, "--out", recording(), "--source", "in"], "1\n"));
    write({ sources: TCP });
    const { code, notes } = await run(gateway("replay", file, recording()));
    expect([code, notes.length]).toEqual([1, 1]);
    expect(notes[0]).toContain("the recording has the source in, the configuration only lines, web; pass --source ID");
  });
});

describe("gateway spool", () => {
  async function fill(acceptedAt?: number): Promise<void> {
    write();
    const clock = { now: () => performance.now(), wallTime: () => acceptedAt ?? Date.now() };
    const spool = await Spool.open(join(directory, "spool"), { clock, segmentSize: 65_536 });
    const payload = new Uint8Array(1_000);
    await spool.append("lines", [{ topic: "t/1", payload: Buffer.from("grün") }]);
    await spool.append("web", [{ topic: "t/2", payload: new Uint8Array([255]), qos: 2, retain: true, expiry: 60 }]);
    for (let i = 0; i < 100; i++) await spool.append("old", [{ topic: "t/3", payload }]);
    await spool.close();
  }
  const command = (...args: string[]) => run(gateway("spool", ...args, "--config", file));

  test("ls lists the records of each source", async () => {
    await fill();
    const { code, lines } = await command("ls");
    expect(code).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      "lines: spooled 1, in 1, out 0",
      "web: spooled 1, in 1, out 0",
      "old: spooled 100, in 100, out 0",
    ]);
    expect(lines[3]).toMatch(/^102 records, \d+ bytes$/);
  });

  test("export prints each record as JSON", async () => {
    await fill();
    const { code, lines } = await command("export");
    expect(code).toBe(0);
    const records = lines.map((line) => JSON.parse(line));
    expect(records).toHaveLength(102);
    expect(records[0]).toMatchObject({ source: "lines", topic: "t/1", qos: 1, text: "grün" });
    expect(records[1]).toMatchObject({ source: "web", qos: 2, retain: true, expiry: 60, base64: "/w==" });
  });

  test("verify counts the intact records, and reports damage with 1", async () => {
    await fill();
    expect(await command("verify")).toEqual({ code: 0, lines: ["102 intact records"], notes: [] });
    const path = join(directory, "spool", "00000001.spool");
    const bytes = readFileSync(path);
    bytes[6_000] = (bytes[6_000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const { code, lines, notes } = await command("verify");
    expect(code).toBe(1);
    expect(lines).toEqual(["101 intact records"]);
    expect(notes.join("\n")).toContain("damaged");
  });

  test("clear drops the records of one source", async () => {
    await fill();
    expect(await command("clear", "--source", "old")).toMatchObject({ code: 0, lines: ["100 records of old dropped"] });
    expect((await command("ls")).lines[2]).toBe("old: spooled 0, in 100, out 0, cleared 100");
    const missing = await command("clear");
    expect(missing).toMatchObject({ code: 1, lines: [] });
    expect(missing.notes[0]).toContain("--source");
  });

  test("never drops old records by looking at them", async () => {
    await fill(Date.now() - 30 * 86_400_000);
    writeFileSync(file, readFileSync(file, "utf8").replace("[spool]", '[spool]\nmax_age = "1d"'));
    for (const action of ["ls", "verify", "export"]) expect((await command(action)).code).toBe(0);
    expect((await command("verify")).lines).toEqual(["102 intact records"]);
  });

  test("does not create a spool that does not exist", async () => {
    write();
    const { code, lines, notes } = await command("ls");
    expect([code, lines, notes.length]).toEqual([1, [], 1]);
    expect(existsSync(join(directory, "spool"))).toBe(false);
  });

  test("another action is an error", async () => {
    write();
    const { code, notes } = await command("erase");
    expect([code, notes.length]).toEqual([1, 1]);
  });
});

test("gateway status prints JSON, or one line and 1 if no gateway runs", async () => {
  write();
  const none = await run(gateway("status", "--config", file));
  expect([none.code, none.lines, none.notes.length]).toEqual([1, [], 1]);
  expect(none.notes[0]).toContain(socket);
  await using child = await up();
  const { code, lines } = await run(gateway("status", "--config", file));
  expect(code).toBe(0);
  expect(JSON.parse(lines.join("\n"))).toMatchObject({ id: "cli", uplink: { connected: true } });
  child.kill("SIGUSR1");
  await child.noted('"connected":true');
  child.kill("SIGTERM");
  expect(await child.code()).toBe(0);
});

test("gateway schema prints JSON", async () => {
  const { code, lines } = await run(gateway("schema"));
  expect(code).toBe(0);
  expect(JSON.parse(lines.join("\n"))).toHaveProperty("properties.source");
});

test("errors of the configuration do not show secrets", async () => {
  write();
  const text = readFileSync(file, "utf8");
  for (const wrong of [
    text.replace(`token = "${TOKEN}"`, `token = "${TOKEN}`),
    text.replace(`token = "${TOKEN}"`, `token = ["${TOKEN}"]`),
    text.replace(`token = "${TOKEN}"`, `tokn = "${TOKEN}"`),
    text.replace(`"\${GATEWAY_PASSWORD}"`, `{ x = "${PASSWORD}" }`),
    text.replace(broker.url, `mqtt://cli:${PASSWORD}@server`),
    text.replace(broker.url, `mqtt://cli:${PASSWORD}@server:99999`),
  ]) {
    writeFileSync(file, wrong);
    const { code } = await run(gateway("check", file));
    expect([0, 78]).toContain(code);
  }
});
