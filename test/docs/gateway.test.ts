// The pages of docs/gateway: their configurations are valid, and `explain` and `replay` print what the pages show.
import { readdirSync, readFileSync } from "node:fs";
import {
  type Configuration,
  explain,
  explainCommand,
  problemText,
  readConfiguration,
  readRecording,
  replay,
} from "@aiko/mqtt-gateway";
import { expect, test } from "vitest";

const page = readFileSync("docs/gateway/README.md", "utf8");
const block = (language: string): string => page.split(`\`\`\`${language}\n`)[1]?.split("```")[0] ?? "";

test("the first configuration explains the first line as the page shows it", () => {
  const { configuration, problems } = readConfiguration(block("toml"), {
    file: "gateway.toml",
    environment: {},
    readFile: () => "",
  });
  expect(problems).toBeUndefined();
  const { gateway, sources = [] } = configuration ?? {};
  const [source] = sources;
  if (gateway === undefined || source === undefined) throw new Error("the configuration has no source");
  const shown = page.split("```\nbytes")[1]?.split("```")[0];
  expect(explain(source, gateway, Buffer.from("kitchen,21.5\n"), { wallTime: () => 0 })).toBe(`bytes${shown}`);
});

test("each example of frames and checks is what a source makes of the bytes", () => {
  const rows = [...page.matchAll(/^\| `((?:frame|check) = .+?)` \| `([\da-f ]+)` \| (`.+`) \|$/gm)];
  expect(rows.length).toBeGreaterThan(12);
  for (const [, written = "", sent = "", found = ""] of rows) {
    const source = `id = "a"\nkind = "stdin"\nencoding = "hex"\ndecode = "raw"\ntopic = "t"\n${written.replace("; ", "\n")}`;
    const text = `[gateway]\nid = "a"\n[uplink]\nurl = "mqtt://h"\n[spool]\nmode = "memory"\n[[source]]\n${source}`;
    const read = readConfiguration(text, { file: "gateway.toml", environment: {}, readFile: () => "" });
    const { gateway, sources = [] } = read.configuration ?? {};
    if (gateway === undefined || sources[0] === undefined)
      throw new Error(`${written}: ${read.problems?.[0]?.message}`);
    const shown = explain(sources[0], gateway, Buffer.from(sent.replaceAll(" ", ""), "hex"), { wallTime: () => 0 });
    const frames = [...shown.matchAll(/fields value="([\da-f]*)"/g)].map(([, digits]) => digits);
    expect([written, frames]).toEqual([written, found.split(", ").map((each) => each.replaceAll(/[` ]/g, ""))]);
  }
});

/** The rows of the table of formats: the format, `decode`, a frame and its fields. */
const formats = [...page.matchAll(/^\| `(\w+)` \| [^|]+ \| `(.+?)` \| `(.+?)` \| `(.+?)` \|$/gm)].map(
  ([, ...cells]) => cells,
);

test("the table of formats has each format", () => {
  const reference = readFileSync("docs/gateway/configuration.md", "utf8");
  const all = [...reference.matchAll(/^## decode, format = "(\w+)"$/gm)].map(([, name]) => name);
  expect(formats.map(([name]) => name).sort()).toEqual(all.sort());
});

test.each(formats)(
  "the example of the format %s gives the fields that the page shows",
  (name, decode, frame, fields) => {
    const text = `${block("toml").split("[[source]]")[0]}
    [[source]]
    id = "in"
    kind = "stdin"
    frame = "datagram"
    topic = "t"
    decode = ${decode}`;
    const read = readConfiguration(text, { file: "g.toml", environment: {}, readFile: () => "" });
    expect(read.problems).toBeUndefined();
    const [source] = read.configuration?.sources ?? [];
    if (read.configuration === undefined || source === undefined) throw new Error("there is no source");
    const isBytes = ["binary", "modbus", "hex", "base64"].includes(name ?? "");
    const bytes = isBytes ? Buffer.from((frame ?? "").replaceAll(" ", ""), "hex") : Buffer.from(frame ?? "");
    const shown = explain(source, read.configuration.gateway, bytes, { wallTime: () => 0 });
    expect(shown).toContain(`bytes  ${fields}\n`);
  },
);

test("the page describes each reason for which a record is dropped", () => {
  const reasons = readFileSync("packages/gateway/src/drop-reason.ts", "utf8").matchAll(/^ {2}\| "([\w-]+)"/gm);
  const missing = [...reasons].map(([, reason]) => reason).filter((reason) => !page.includes(`| \`${reason}\` |`));
  expect(missing).toEqual([]);
});

test("each configuration in commands.md is valid, and its command writes what the page says", () => {
  const commands = readFileSync("docs/gateway/commands.md", "utf8");
  const head = block("toml").split("[[source]]")[0] ?? "";
  const blocks = [...commands.matchAll(/```toml\n([^`]+)```/g)].map(([, text]) => `${head}${text}`);
  expect(blocks.length).toBe(3);
  for (const text of blocks) {
    const read = readConfiguration(text, { file: "g.toml", environment: {}, readFile: () => "" });
    expect(read.problems).toBeUndefined();
    const { gateway, sources } = read.configuration ?? {};
    const source = sources?.find(({ id }) => id === "relays");
    if (gateway === undefined || source === undefined) continue;
    const [, topic = "", payload = ""] = /--command (\S+) --payload (\S+)/.exec(commands) ?? [];
    const { text: shown } = explainCommand(source, gateway, topic, Buffer.from(payload));
    const [, line = ""] = /writes the line `([^`]+)`/.exec(commands) ?? [];
    expect(shown).toContain(`writes ${line.length + 1} bytes  0x${Buffer.from(`${line}\n`).toString("hex")}`);
    expect(shown).toContain(`result ${topic}/result`);
  }
});

/** All blocks of a language, in the order of the page. */
function blocksOf(path: string, language: string): string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "gm"))].map(([, content = ""]) => content);
}

function valid(text: string): Configuration {
  const read = readConfiguration(text, { file: "gateway.toml", environment: {}, readFile: () => "" });
  if (read.configuration === undefined) throw new Error(read.problems.map(problemText).join("\n"));
  return read.configuration;
}

const START = '[gateway]\nid = "a"\n[uplink]\nurl = "mqtt://h"\n[spool]\nmode = "memory"\n';
const tomls = readdirSync("docs/gateway")
  .filter((name) => name.endsWith(".md"))
  .flatMap((name) => blocksOf(`docs/gateway/${name}`, "toml").map((text, i) => ({ name: `${name} ${i + 1}`, text })));

test.each(tomls)("$name is a valid configuration, or a valid part of one", ({ text }) => {
  if (text.includes("[gateway]")) return void valid(text);
  const source = '[[source]]\nid = "b"\nkind = "stdin"\ntopic = "t"\n';
  if (!text.startsWith("[")) return void valid(`${START}${source}${text}`);
  valid(`${START}${text}${text.includes("[[source]]") ? "" : source}`);
});

test("each kind of source has a section with an example, and a link to its fields", () => {
  const text = readFileSync("docs/gateway/sources.md", "utf8");
  const reference = readFileSync("docs/gateway/configuration.md", "utf8");
  const kinds = [...reference.matchAll(/^## \[\[source\]\], kind = "([\w-]+)"$/gm)].map(([, kind = ""]) => kind);
  const sections = new Map(text.split(/^## /m).map((section) => [section.split("\n")[0], section]));
  expect([...sections.keys()].slice(1).sort()).toEqual(kinds.sort());
  for (const kind of kinds) {
    expect(sections.get(kind)).toContain(`kind = "${kind}"`);
    expect(sections.get(kind)).toContain(`(configuration.md#source-kind--${kind})`);
    expect(text).toMatch(new RegExp(`^\\| \\[\`${kind}\`\\]\\(#${kind}\\) \\|`, "m"));
  }
});

test("each recording of a page can be replayed", () => {
  const recordings = ["tutorial", "recordings"].flatMap((name) => blocksOf(`docs/gateway/${name}.md`, "jsonl"));
  expect(recordings.map((text) => readRecording(text).problem)).toEqual([undefined, undefined, undefined]);
});

test("the tutorial shows what its configuration makes of its recording", () => {
  const path = "docs/gateway/tutorial.md";
  const [, configuration = ""] = blocksOf(path, "toml");
  const [, text = ""] = blocksOf(path, "jsonl");
  const { recording } = readRecording(text);
  if (recording === undefined) throw new Error("there is no recording");
  const shown = [...replay(recording, valid(configuration))].join("");
  expect(readFileSync(path, "utf8")).toContain(`\`\`\`\n${shown}\`\`\`\n`);
});
