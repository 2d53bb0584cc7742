// Compares `pub` and `sub` with mosquitto_pub and mosquitto_sub, with the same arguments and the same server: bytes
// on standard output, messages at the server, and exit codes.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect, type Message, type PublishOptions } from "@aiko/mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "../fixtures/certificates.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const program = join(import.meta.dirname, "../../packages/cli/dist/bin/aiko-mqtt.cjs");

interface Outcome {
  readonly code: number;
  readonly output: Buffer;
  readonly notes: string;
}

type Variables = Readonly<Record<string, string>>;

function run(
  command: string,
  args: readonly string[],
  input: string | Buffer = "",
  variables: Variables = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...variables };
    const options = { encoding: "buffer", maxBuffer: 1 << 26, timeout: 60_000, env } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout, notes: stderr.toString() });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

const ours = (command: string, args: readonly string[], input?: string | Buffer, variables?: Variables) =>
  run(process.execPath, [program, command, ...args], input, variables);
const theirs = (command: string, args: readonly string[], input?: string | Buffer, variables?: Variables) =>
  run(`mosquitto_${command}`, args, input, variables);

let mosquitto: Mosquitto;
let client: Client;
let folder: string;
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
  client = await connect(mosquitto.url, { protocolVersion: 5, clientId: "keeper" });
  folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-commands-"));
});
afterAll(async () => {
  await client.disconnect();
  await mosquitto[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const server = (): string[] => ["-h", "127.0.0.1", "-p", String(mosquitto.port)];

const versions = ["mqttv31", "mqttv311", "mqttv5"] as const;
const qualities = ["0", "1", "2"] as const;
const payloads: Readonly<Record<string, string | Uint8Array>> = {
  text: "21.5 °C",
  lines: "one\ntwo\n",
  binary: Uint8Array.of(0, 1, 0xff, 0xfe, 0x0a, 0x80),
  large: "x".repeat(100_000),
};

let number = 0;
/** Retains a message under a new topic. Returns the topic. */
async function retained(payload: string | Uint8Array, options: PublishOptions = {}): Promise<string> {
  const topic = `case/${++number}`;
  await client.publish(topic, payload, { qos: 2, retain: true, ...options });
  return topic;
}

/** Runs both subscribers; returns what each printed, and its exit code. */
async function both(args: (topic: string) => readonly string[], topic: string): Promise<[Outcome, Outcome]> {
  const all = [...server(), ...args(topic)];
  return Promise.all([ours("sub", all), theirs("sub", all)]);
}

async function expectSame(args: (topic: string) => readonly string[], topic: string): Promise<void> {
  const [mine, other] = await both(args, topic);
  expect({ code: mine.code, output: mine.output.toString("latin1") }).toEqual({
    code: other.code,
    output: other.output.toString("latin1"),
  });
}

describe("sub prints the same bytes", () => {
  const cases = versions.flatMap((version) =>
    qualities.flatMap((qos) =>
      Object.keys(payloads).flatMap((payload) =>
        [[], ["-v"], ["-N"]].map((flags) => ({ version, qos, payload, flags: flags.join(" ") })),
      ),
    ),
  );
  test.each(cases)("$version, QoS $qos, $payload $flags", async ({ version, qos, payload, flags }) => {
    const topic = await retained(payloads[payload] ?? "");
    const more = flags === "" ? [] : flags.split(" ");
    await expectSame((t) => ["-t", t, "-V", version, "-q", qos, "-C", "1", ...more], topic);
  });

  const message = {
    properties: {
      contentType: "text/plain",
      responseTopic: "answers/1",
      correlationData: new TextEncoder().encode("abc"),
      userProperties: [
        ["k", "v"],
        ["k2", "v 2"],
      ],
      payloadFormatIndicator: 1,
    },
  } as const satisfies PublishOptions;
  const formats = [
    "%p",
    "%t %p",
    "%t:%q:%r:%l:%m",
    "%x|%X",
    "%C|%R|%D|%F",
    "%P",
    "%%|@@|\\\\",
    "a\\tb\\nc\\re\\v\\a\\e\\0d",
    "[%20t]",
    "[%-20t]",
    "[%3.3t]",
    "[%.2t]",
    "[%10l][%010l][%-10l][%-010l]",
    "[%8m][%08m][%-8m]",
    "[%12C][%-12C]",
    "[%12R][%-12R]",
    "[%5F][%05F]",
    "[%-30p]",
    "%A%S%E",
    "@%",
    "text only",
  ];
  test.each(formats.flatMap((format) => versions.map((version) => ({ format, version }))))(
    "the format $format, $version",
    async ({ format, version }) => {
      const topic = await retained('{"a":1}', message);
      await expectSame((t) => ["-t", t, "-V", version, "-q", "1", "-C", "1", "-F", format], topic);
    },
  );

  test.each(["%j", "%J"].flatMap((format) => [[], ["--pretty"]].map((flags) => ({ format, flags }))))(
    "the format $format $flags, except for the time",
    async ({ format, flags }) => {
      const topic = await retained('{"a":{"b":null,"c":"d","e":1.5}}', message); // mosquitto_sub prints arrays in one line
      const args = (t: string) => ["-t", t, "-V", "mqttv5", "-q", "1", "-C", "1", "-F", format, ...flags];
      const timeless = ({ code, output }: Outcome) => ({
        code,
        output: output.toString().replace(/("tst":\t?")[^"]*/, "$1"),
      });
      const [mine, other] = await both(args, topic);
      expect(timeless(mine)).toEqual(timeless(other));
    },
  );

  test.each(["%I", "%U", "@Y-@m-@dT@H:@M:@S", "@j @A @B", "@N"])(
    "the times of %s have the same form",
    async (format) => {
      const topic = await retained("x");
      const form = ({ code, output }: Outcome) => ({ code, output: output.toString().replace(/\d/g, "0") });
      const [mine, other] = await both((t) => ["-t", t, "-C", "1", "-F", format], topic);
      expect(form(mine)).toEqual(form(other));
    },
  );
});

describe("sub ends with the same exit code", () => {
  test.each([
    { what: "after a timeout", args: ["-t", "nothing", "-W", "1"], code: 27 },
    { what: "with a message before the timeout", args: ["-t", "found", "-W", "30", "-C", "1"], code: 0 },
    { what: "when subscribed", args: ["-t", "nothing", "-E"], code: 0 },
    {
      what: "at the first message that is not retained",
      args: ["-t", "found", "--retained-only", "-W", "5"],
      code: 27,
    },
    { what: "without retained messages", args: ["-t", "found", "-R", "-W", "1"], code: 27 },
    { what: "with all messages filtered out", args: ["-t", "found", "-T", "found", "-W", "1"], code: 27 },
    { what: "with another message filtered out", args: ["-t", "found", "-T", "other", "-C", "1"], code: 0 },
    { what: "without a topic", args: [], code: 1 },
    { what: "with an unknown option", args: ["-t", "a", "--nonsense"], code: 1 },
    { what: "without the value of an option", args: ["-t"], code: 1 },
    { what: "with a QoS of 3", args: ["-t", "a", "-q", "3"], code: 1 },
    { what: "with a count of 0", args: ["-t", "a", "-C", "0"], code: 1 },
    { what: "with a count that is not a number", args: ["-t", "a", "-C", "x"], code: 1 },
    { what: "with a timeout of 0", args: ["-t", "a", "-W", "0"], code: 1 },
    { what: "with an unknown version", args: ["-t", "a", "-V", "6"], code: 1 },
    { what: "with a topic filter that is not valid", args: ["-t", "a/#/b"], code: 1 },
    { what: "with a filter -T that is not valid", args: ["-t", "a", "-T", "b+"], code: 1 },
    { what: "with an unknown format", args: ["-t", "a", "-F", "%z"], code: 1 },
    { what: "with an incomplete format", args: ["-t", "a", "-F", "%"], code: 1 },
    { what: "with -R and --retained-only", args: ["-t", "a", "-R", "--retained-only"], code: 1 },
    { what: "with an unknown property", args: ["-t", "a", "-V", "5", "-D", "connect", "nonsense", "1"], code: 1 },
    { what: "with a will's QoS of 3", args: ["-t", "a", "--will-topic", "w", "--will-qos", "3"], code: 1 },
    { what: "with a will without a topic", args: ["-t", "a", "--will-payload", "x"], code: 1 },
    { what: "with a port of 0", args: ["-t", "a", "-p", "0"], code: 1 },
    { what: "with a certificate without its key", args: ["-t", "a", "--cert", "x.pem"], code: 1 },
  ])("$what", async ({ args, code }) => {
    await client.publish("found", "x", { qos: 1, retain: true });
    const all = args.includes("-p") ? args : [...server(), ...args];
    const [mine, other] = await Promise.all([ours("sub", all), theirs("sub", all)]);
    expect([mine.code, other.code]).toEqual([code, code]);
    expect(mine.output.toString()).toBe(other.code === 1 ? "" : other.output.toString()); // theirs prints its help
  });

  test("if nothing listens", async () => {
    const args = ["-h", "127.0.0.1", "-p", "1", "-t", "a"];
    const [mine, other] = await Promise.all([ours("sub", args), theirs("sub", args)]);
    expect([mine.code, other.code]).toEqual([1, 1]);
  });
});

describe("pub publishes the same messages", () => {
  const ways = ["-m", "-n", "-f", "-s", "-l"] as const;
  const cases = versions.flatMap((version) =>
    qualities.flatMap((qos) => ways.flatMap((way) => [[], ["-r"]].map((flags) => ({ version, qos, way, flags })))),
  );
  test.each(cases)("$version, QoS $qos, $way $flags", async ({ version, qos, way, flags }) => {
    const input = "first\nsecond line\n\nlast";
    const path = join(folder, `file${number}`);
    writeFileSync(path, input);
    const value = way === "-m" ? ["a message"] : way === "-f" ? [path] : [];
    const heard: string[] = [];
    const topics = [`pub/${++number}`, `pub/${++number}`] as const;
    const onMessage = ({ topic, payload, qos, retain }: Message): void => {
      heard.push(`${topics.indexOf(topic as never)} ${Buffer.from(payload).toString("hex")} q${qos} ${retain}`);
    };
    await client.subscribe([...topics], { qos: 2, retainAsPublished: true, onMessage });
    const args = (topic: string) => [...server(), "-t", topic, "-V", version, "-q", qos, ...flags, way, ...value];
    const [mine, other] = await Promise.all([
      ours("pub", args(topics[0]), input),
      theirs("pub", args(topics[1]), input),
    ]);
    expect([mine.code, mine.output.length]).toEqual([other.code, other.output.length]);
    const count = way === "-l" ? 4 : 1;
    const of = (index: number) => heard.filter((line) => line.startsWith(`${index}`)).map((line) => line.slice(2));
    await expect.poll(() => [of(0).length >= count, of(1).length >= count]).toEqual([true, true]);
    expect(of(0)).toEqual(of(1));
    await client.unsubscribe([...topics]);
  });
});

describe("sub and pub read the same default options", () => {
  const files = [
    { what: "all options", file: "-h 127.0.0.1\n-p PORT\n-t TOPIC\n-C 1\n-v\n", args: [] },
    {
      what: "comments and long names",
      file: "# comment\n--host 127.0.0.1\n--port PORT\n#-v\n-C 1\n",
      args: ["-t", "TOPIC"],
    },
    {
      what: "an option that the command line repeats",
      file: "-p PORT\n-C 2\n-q 0\n",
      args: ["-t", "TOPIC", "-C", "1", "-q", "1", "-F", "%q"],
    },
    { what: "topics that the command line adds to", file: "-p PORT\n-t TOPIC\n", args: ["-t", "other", "-C", "1"] },
    { what: "filters -T", file: "-p PORT\n-T TOPIC\n", args: ["-t", "TOPIC", "-W", "1"] },
    { what: "an unknown option", file: "--nonsense\n", args: ["-t", "TOPIC", "-p", "PORT"] },
    { what: "a switch without a value", file: "-d\n-p\n", args: ["-t", "TOPIC"] },
  ];
  test.each(files.flatMap((each) => ["XDG_CONFIG_HOME", "HOME"].map((variable) => ({ ...each, variable }))))(
    "$what, in $variable",
    async ({ file, args, variable }) => {
      const topic = await retained("x");
      const filled = (text: string) => text.replaceAll("PORT", `${mosquitto.port}`).replaceAll("TOPIC", topic);
      const home = mkdtempSync(join(folder, "home-"));
      const config = variable === "HOME" ? join(home, ".config") : home;
      if (variable === "HOME") mkdirSync(config);
      writeFileSync(join(config, "mosquitto_sub"), filled(file));
      const variables = { HOME: "/nonexistent", [variable]: home };
      const all = args.map(filled);
      const [mine, other] = await Promise.all([ours("sub", all, "", variables), theirs("sub", all, "", variables)]);
      expect({ code: mine.code, output: mine.output.toString() }).toEqual({
        code: other.code,
        output: other.code === 1 ? "" : other.output.toString(),
      });
    },
  );

  test("pub", async () => {
    const home = mkdtempSync(join(folder, "home-"));
    writeFileSync(join(home, "mosquitto_pub"), `-p ${mosquitto.port}\n-q 2\n-r\n-m default\n`);
    const heard: string[] = [];
    await client.subscribe("defaults/+", {
      qos: 2,
      retainAsPublished: true,
      onMessage: (message) => void heard.push(`${message.text()} q${message.qos} ${message.retain}`),
    });
    const variables = { XDG_CONFIG_HOME: home };
    const mine = await ours("pub", ["-t", "defaults/a", "-q", "1"], "", variables);
    const other = await theirs("pub", ["-t", "defaults/b", "-q", "1"], "", variables);
    expect([mine.code, other.code]).toEqual([0, 0]);
    await expect.poll(() => heard).toEqual(["default q1 true", "default q1 true"]);
  });
});

describe("TLS options have the same effect", () => {
  let secure: Mosquitto;
  const file = (name: string) => join(folder, name);
  beforeAll(async () => {
    const authority = await Authority.named("Commands");
    const { certificate, key } = await authority.issue(["127.0.0.1"]);
    const other = await Authority.named("Others");
    mkdirSync(file("authorities"));
    mkdirSync(file("strangers"));
    mkdirSync(file("nobody"));
    const contents = {
      certificate,
      key,
      "ca.pem": authority.certificate,
      "authorities/ours.crt": authority.certificate,
      "authorities/other.crt": other.certificate,
      "strangers/other.crt": other.certificate,
    };
    for (const [name, content] of Object.entries(contents)) writeFileSync(file(name), content);
    for (const name of ["authorities", "strangers"])
      expect((await run("openssl", ["rehash", file(name)])).code).toBe(0);
    secure = await Mosquitto.start({ config: [`certfile ${file("certificate")}`, `keyfile ${file("key")}`] });
  });
  afterAll(() => secure[Symbol.asyncDispose]());

  test.each([
    { works: true, args: "--cafile CA" },
    { works: true, args: "--capath DIR/authorities" },
    { works: true, args: "--cafile CA --capath DIR/strangers" },
    { works: false, args: "--capath DIR/strangers" },
    { works: false, args: "--capath DIR/nobody" },
    { works: false, args: "--tls-use-os-certs" },
    { works: true, args: "--cafile CA --tls-use-os-certs" },
    { works: true, args: "--cafile CA --tls-version tlsv1.2" },
    { works: true, args: "--cafile CA --tls-version tlsv1.3" },
    { works: false, args: "--cafile CA --tls-version tlsv9" },
    { works: true, args: "--cafile CA --tls-version tlsv1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256" },
    { works: false, args: "--cafile CA --ciphers nonsense" },
    { works: true, args: "--cafile CA --tls-alpn mqtt" },
    { works: true, args: "--cafile CA --cert DIR/certificate --key DIR/key --keyform pem" },
    { works: false, args: "--cafile CA --cert DIR/certificate --key DIR/key --keyform nonsense" },
    { works: false, args: "--cafile CA --keyform pem" },
    { works: false, args: "--cafile DIR/missing" },
  ])("$args", async ({ works, args }) => {
    await using publisher = await connect(`mqtts://127.0.0.1:${secure.port}`, { tls: { verifyServer: false } });
    await publisher.publish("secure", "x", { qos: 1, retain: true });
    const filled = args
      .replaceAll("CA ", `${file("ca.pem")} `)
      .replace(/CA$/, file("ca.pem"))
      .replaceAll("DIR", folder);
    const all = [
      "-h",
      "127.0.0.1",
      "-p",
      `${secure.port}`,
      "-t",
      "secure",
      "-C",
      "1",
      "-W",
      "20",
      ...filled.split(" "),
    ];
    const [mine, other] = await Promise.all([ours("sub", all), theirs("sub", all)]);
    expect([mine.code === 0, other.code === 0], `${mine.notes}${other.notes}`).toEqual([works, works]);
    expect(mine.output.toString()).toBe(works ? "x\n" : "");
  });
});
