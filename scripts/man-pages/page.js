// @ts-check
// Manual pages in the language of man(7), made from the tables that the help comes from. Reads and writes no file.

/**
 * @typedef {{ letters?: string, value?: string, help: string, repeats?: boolean, group?: string }} Option
 * @typedef {Readonly<Record<string, Option>>} Options
 * @typedef {{ usage: string, summary: string, options: Options, examples?: readonly string[] }} Command
 * @typedef {{ name: string, summary: string }} Entry the name as the user calls it: "aiko-mqtt pub"
 */

const DOCUMENTS = "https://github.com/aiko/aiko-mqtt/tree/main/docs/cli";

/** The exit codes of the commands that are clients of a server. */
const CLIENT_EXITS = [
  ["0", "success"],
  ["1", "an option is not valid, a file cannot be read, or the server cannot be reached"],
  ["27", "the time of --timeout is over"],
  ["other", "the server refused the connection, a message or a subscription: its return code or reason code"],
];
const OTHER_EXITS = [
  ["0", "success"],
  ["1", "failure; one line on standard error says why"],
];

/** @param {string} name as the user calls it. Returns the name of its page, without the section */
export function pageName(name) {
  return name.replaceAll(" ", "-");
}

/**
 * The page of a command.
 *
 * @param {Entry} entry
 * @param {Command} command
 * @param {Options} commonOptions the options of every command
 * @param {string} version
 */
export function commandPage(
  { name, summary },
  { usage, summary: about, options, examples = [] },
  commonOptions,
  version,
) {
  const isClient = "timeout" in options;
  const all = Object.entries({ ...options, ...commonOptions });
  const groups = [...new Set(all.map(groupOf))];
  return page(name, summary, version, [
    section("SYNOPSIS", `.B ${text(name)}`, ...(usage === "" ? [] : [text(usage)])),
    section("DESCRIPTION", text(about)),
    section(
      "OPTIONS",
      ...groups.flatMap((group) => [
        `.SS ${text(group)}`,
        ...all.filter((each) => groupOf(each) === group).flatMap(optionLines),
      ]),
    ),
    section(
      "EXIT STATUS",
      ...(isClient ? CLIENT_EXITS : OTHER_EXITS).flatMap(([code = "", meaning = ""]) => tagged(text(code), meaning)),
    ),
    ...("password" in options ? [environment("key" in options)] : []),
    ...(examples.length === 0
      ? []
      : [section("EXAMPLES", ".EX", ...examples.map((each) => text(`${name} ${each}`)), ".EE")]),
    section("SEE ALSO", ...seeAlso(name)),
  ]);
}

/**
 * The page of the program with all commands.
 *
 * @param {string} name
 * @param {readonly Entry[]} commands
 * @param {string} version
 */
export function programPage(name, commands, version) {
  return page(name, "MQTT on the command line", version, [
    section("SYNOPSIS", `.B ${text(name)}`, text("COMMAND [options]")),
    section(
      "DESCRIPTION",
      text(
        "Publishes and receives messages, checks servers, and runs a broker and a gateway. Each command has its own page.",
      ),
    ),
    section(
      "COMMANDS",
      ...commands.flatMap((command) => tagged(`.BR ${text(pageName(command.name))} (1)`, command.summary)),
    ),
    section("SEE ALSO", text(`The documents: ${DOCUMENTS}`)),
  ]);
}

/** @param {string} name @param {string} summary @param {string} version @param {readonly string[]} sections */
function page(name, summary, version, sections) {
  const title = pageName(name);
  const header = `.TH "${text(title.toUpperCase())}" 1 "" "aiko\\-mqtt ${text(version)}" "User Commands"`;
  return `${[header, section("NAME", `${text(title)} \\- ${text(summary)}`), ...sections].join("\n")}\n`;
}

/** @param {string} title @param {...string} lines */
function section(title, ...lines) {
  return [`.SH ${title}`, ...lines].join("\n");
}

/** @param {[string, Option]} entry */
function groupOf([, { group = "General" }]) {
  return group;
}

/** @param {[string, Option]} entry */
function optionLines([name, { letters = "", value, help, repeats }]) {
  const spellings = [...[...letters].map((letter) => `-${letter}`), `--${name}`];
  const argument = value === undefined ? "" : ` \\fI${text(value)}\\fR`;
  const head = `${spellings.map((spelling) => `\\fB${text(spelling)}\\fR`).join(", ")}${argument}`;
  return tagged(head, repeats ? `${help}; may be repeated` : help);
}

/** @param {string} head in the language of man @param {string} body */
function tagged(head, body) {
  return [".TP", head, text(body)];
}

/** @param {boolean} hasKey */
function environment(hasKey) {
  const variables = [
    ["MQTT_PASSWORD", "the password, if a user name is given"],
    ...(hasKey ? [["MQTT_PASSPHRASE", "the passphrase of the file of --key"]] : []),
  ];
  return section(
    "ENVIRONMENT",
    ...variables.flatMap(([name = "", meaning = ""]) => tagged(`.B ${text(name)}`, meaning)),
  );
}

/** @param {string} name */
function seeAlso(name) {
  const [program = "", ...words] = name.split(" ");
  const parents = words.map((_, i) => [program, ...words.slice(0, i)].join("-"));
  return [...parents.map((parent) => `.BR ${text(parent)} (1),`), text(`The documents: ${DOCUMENTS}`)];
}

/** What roff would read as something else. */
const ESCAPES = new Map(
  Object.entries({ "\\": "\\(rs", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq" }),
);

/** @param {string} plain */
function text(plain) {
  const escaped = [...plain].map(
    (one) =>
      ESCAPES.get(one) ??
      (one > "~" ? `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]` : one),
  );
  return escaped.join("").replace(/^\./, "\\&.");
}
