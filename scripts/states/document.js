// @ts-check
// The page docs/internals/states.md: the state machines of the library, drawn from their tables.

/**
 * @typedef {Readonly<Record<string, readonly string[]>>} Transitions which states may follow each; the first one is the initial state
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
  return `# States\n\n\`npm run states\` writes this page from the tables in the sources.\n\n${sections.join("\n")}`;
}

/** @param {{ OUTGOING_TRANSITIONS: Transitions }} tables */
export const machinesOf = ({ OUTGOING_TRANSITIONS }) => [
  {
    title: "An outgoing message",
    about: `\`packages/mqtt/src/session/outgoing/outgoing-message.ts\`, for clients and servers, except the small client.

- \`queued\`: the message waits in the outbox, without a packet identifier. A QoS 0 message is settled from this state.
- \`sent\`: the message waits for PUBACK or PUBREC. If the peer has lost the session, it is queued again as a new message.
- \`released\`: PUBREC has arrived, and the sender waits for PUBCOMP.
- \`settled\`: the outcome is known.`,
    transitions: OUTGOING_TRANSITIONS,
  },
];
