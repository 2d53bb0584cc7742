// sn-pub and sn-sub as users run them: child processes, from the build, with a gateway on a socket.
import { beforeEach, describe, expect, test } from "vitest";
import { Child, run } from "../../../test/fixtures/child.ts";
import { UdpGateway } from "../../gateway/test/sn/client/udp-gateway.ts";

let gateway: UdpGateway;
beforeEach(async () => {
  gateway = await UdpGateway.listen();
  return () => gateway[Symbol.asyncDispose]();
});

const address = () => ["-h", "127.0.0.1", "-p", new URL(gateway.url).port];
const command = (name: string, args: readonly string[], input?: string) =>
  Child.command("aiko-mqtt", [name, ...address(), ...args], input === undefined ? {} : { input });

const published = () =>
  gateway.answers.received.flatMap((packet) =>
    packet.type === "publish" ? [[packet.qos, packet.retain, packet.topic, Buffer.from(packet.data).toString()]] : [],
  );

describe("sn-pub", () => {
  test.each(["0", "1", "2"])("publishes at QoS %s", async (qos) => {
    expect(await run(command("sn-pub", ["-t", "a/b", "-m", "21.5", "-q", qos, "-r"]))).toMatchObject({
      code: 0,
      notes: [],
    });
    expect(published()).toEqual([[Number(qos), true, { kind: "normal", id: 1 }, "21.5"]]);
    expect([...gateway.answers.names.values()]).toEqual(["a/b"]);
  });

  test.each([
    ["--predefined 7", { kind: "predefined", id: 7 }],
    ["-t ab --short", { kind: "short", name: "ab" }],
  ])("publishes at QoS -1 without a session: %s", async (topic, expected) => {
    const args = [...topic.split(" "), "-m", "on", "-q", "-1"];
    expect(await run(command("sn-pub", args))).toMatchObject({ code: 0, notes: [] });
    await expect.poll(published).toEqual([[-1, false, expected, "on"]]);
    expect(gateway.answers.received).toHaveLength(1);
  });

  test("publishes each line of standard input", async () => {
    expect(await run(command("sn-pub", ["--predefined", "7", "-l", "-q", "1"], "1\n\n3"))).toMatchObject({ code: 0 });
    expect(published().map(([, , , text]) => text)).toEqual(["1", "", "3"]);
  });

  test("sends the will", async () => {
    await run(
      command("sn-pub", ["-t", "a", "-n", "--will-topic", "w", "--will-payload", "x", "--will-qos", "1", "-i", "n1"]),
    );
    expect(gateway.answers.received).toMatchObject([
      { type: "connect", clientId: "n1", will: true },
      { type: "willtopic", will: { topic: "w", qos: 1, retain: false } },
      { type: "willmsg" },
      { type: "register" },
      { type: "publish" },
      { type: "disconnect" },
    ]);
  });

  test("ends after the time of -W if the gateway does not answer", async () => {
    gateway.isDeaf = true;
    expect(await run(command("sn-pub", ["-t", "a", "-m", "x", "-W", "0.2"]))).toMatchObject({ code: 27 });
  });

  test("ends with the gateway's return code", async () => {
    gateway.refuses = 3;
    const { code, notes } = await run(command("sn-pub", ["-t", "a", "-m", "x"]));
    expect([code, notes.join()]).toEqual([
      3,
      expect.stringContaining("the gateway refused the connection: not supported (3)"),
    ]);
  });
});

describe("sn-sub", () => {
  test("prints messages until it has enough", async () => {
    const child = command("sn-sub", [
      "-t",
      "a/#",
      "-t",
      "a/+",
      "--predefined",
      "7",
      "--predefined",
      "8",
      "--predefined-name",
      "8=eight",
      "-v",
      "-C",
      "4",
      "-q",
      "1",
    ]);
    await expect.poll(() => gateway.answers.received.filter(({ type }) => type === "subscribe").length).toBe(4);
    gateway.publish("a/b", "1");
    gateway.publish("seven", "2");
    gateway.publish("eighth", "3");
    const { code, lines } = await run(child);
    // The gateway sends a message of two filters twice.
    expect([code, lines]).toEqual([0, ["a/b 1", "a/b 1", "7 2", "eight 3"]]);
  });

  test("--json prints what pub --lines reads", async () => {
    const child = command("sn-sub", ["-t", "a", "-C", "1", "--json"]);
    await expect.poll(() => gateway.answers.received.some(({ type }) => type === "subscribe")).toBe(true);
    gateway.publish("a", "1");
    const { lines } = await run(child);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ topic: "a", payload: "1", qos: 0 });
  });

  test("sleeps, and takes the messages when it wakes", async () => {
    const child = command("sn-sub", ["-t", "a", "-C", "1", "--sleep", "1", "-i", "n1"]);
    await expect.poll(() => gateway.answers.received.at(-1)).toEqual({ type: "disconnect", duration: 1 });
    gateway.publish("a", "kept");
    const { code, lines } = await run(child);
    expect([code, lines]).toEqual([0, ["kept"]]);
    expect(gateway.answers.received).toContainEqual({ type: "pingreq", clientId: "n1" });
  });

  test("SIGINT ends it with DISCONNECT", async () => {
    const child = command("sn-sub", ["-t", "a"]);
    await expect.poll(() => gateway.answers.received.some(({ type }) => type === "subscribe")).toBe(true);
    child.kill("SIGINT");
    expect(await run(child)).toMatchObject({ code: 0 });
    expect(gateway.answers.received.at(-1)).toEqual({ type: "disconnect" });
  });
});

test.each([
  ["sn-pub", "-m x", "missing required option --topic or --predefined"],
  ["sn-pub", "-t a", "missing what to publish"],
  ["sn-pub", "-t a --predefined 7 -m x", "pass one of --topic and --predefined"],
  ["sn-pub", "-t a -m x -q 3", "--qos 3: must be 0, 1, 2 or -1"],
  ["sn-pub", "-t a -m x -q -1", "must be predefined or a short topic name"],
  ["sn-pub", "--predefined 0 -m x", "--predefined 0: must be an integer from 1 to 65534"],
  ["sn-pub", "-t abc --short -m x", 'topic.short "abc": must have exactly two octets'],
  ["sn-pub", "--short --predefined 7 -m x", "--short requires --topic"],
  ["sn-pub", "-t a -m x -c", "--disable-clean-session requires --id"],
  ["sn-pub", "-t a -m x --will-qos 1", "option --will-qos requires --will-topic"],
  ["sn-pub", "-h a:1 -t a -m x", "pass the port with -p 1"],
  ["sn-sub", "", "missing required option --topic or --predefined"],
  ["sn-sub", "-t a#", 'topicFilter "a#"'],
  ["sn-sub", "-t a --predefined-name 7", "--predefined-name 7: must be ID=TOPIC"],
  ["sn-sub", "-t a --predefined-name 0=a", "--predefined-name 0: must be an integer from 1 to 65534"],
  ["sn-sub", "-t a --sleep 0", "--sleep 0: must be an integer from 1 to 65535"],
])("%s %s is refused", async (name, args, message) => {
  const given = args.startsWith("-h")
    ? args.split(" ")
    : [...address(), ...args.split(" ").filter((each) => each !== "")];
  const { code, notes } = await run(Child.command("aiko-mqtt", [name, ...given]));
  expect([code, notes.join(" ")]).toEqual([1, expect.stringContaining(message)]);
});
