import { expect, test } from "vitest";
import * as tables from "../../packages/mqtt/src/session/outgoing/outgoing-message.ts";
import { machinesOf, statesDocument } from "../../scripts/states/document.js";
import { readSource } from "./source.ts";

test("docs/internals/states.md shows the state machines as in their tables", () => {
  expect(readSource("docs/internals/states.md").text, "run `npm run states`").toBe(statesDocument(machinesOf(tables)));
});

test.each(machinesOf(tables))("each state can be reached, and leads to the end: $title", ({ transitions }) => {
  const states = Object.keys(transitions);
  const [first] = states;
  const reached = new Set([first, ...Object.values(transitions).flat()]);
  expect([...reached].sort()).toEqual([...states].sort());
  const leads = new Set(states.filter((state) => transitions[state]?.length === 0));
  for (const _ of states)
    for (const state of states) if (transitions[state]?.some((next) => leads.has(next))) leads.add(state);
  expect(leads.size).toBe(states.length);
});
