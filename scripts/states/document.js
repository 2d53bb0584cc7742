// @ts-check
// The page docs/internals/states.md: the state machines of the library, drawn from their tables.

/**
 * @typedef {Readonly<Record<string, readonly string[]>>} Transitions the states that may follow each; the first is the initial one
 * @typedef {{ title: string, about: string, transitions: Transitions }} Machine
 */

/** @param {Transitions} transitions */
function diagram(transitions) {
  const states = Object.keys(transitions);
  const lines = [`[*] --> ${states[0]}`];
  for (const [from, next] of Object.entries(transitions)) {
    for (const to of next) lines.push(`${from} --> ${to}`);
    if (next.length === 0) lines.push(`${from} --> [*]`);
  }
  return ["```mermaid", "stateDiagram-v2", ...lines.map((line) => `    ${line}`), "```"].join("\n");
}

/** @param {readonly Machine[]} machines */
export function statesDocument(machines) {
  const sections = machines.map(
    ({ title, about, transitions }) => `## ${title}\n\n${about}\n\n${diagram(transitions)}\n`,
  );
  return `# States\n\nWritten by \`npm run states\`, from the tables in the sources.\n\n${sections.join("\n")}`;
}

/** @param {{ OUTGOING_TRANSITIONS: Transitions }} tables */
export const machinesOf = ({ OUTGOING_TRANSITIONS }) => [
  {
    title: "A message on its way out",
    about: `\`packages/mqtt/src/session/outgoing/outgoing-message.ts\`, in both directions of every session but the small client's. \`queued\`: it waits in the
outbox, without a packet identifier; QoS 0 ends from here. \`sent\`: it waits for PUBACK or PUBREC; it is queued again as a new message if the
peer has lost the session. \`released\`: PUBREC has come, and PUBCOMP is awaited. \`settled\`: its outcome is known.`,
    transitions: OUTGOING_TRANSITIONS,
  },
];
