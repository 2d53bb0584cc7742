// The topics of commands.
import { expect, test } from "vitest";
import { CommandTopic, capturesOf } from "../../src/command/command-topic.ts";

const origin = { gateway: "attic", source: "meter" };

test("constants are filled in, and each capture is a level", () => {
  const topic = new CommandTopic("{gateway}/{source}-x/{node}/set/{field}", origin);
  expect(topic.filter).toBe("attic/meter-x/+/set/+");
  expect(topic.match("attic/meter-x/n1/set/relay")).toEqual(new Map(Object.entries({ node: "n1", field: "relay" })));
  for (const other of ["attic/meter-x/n1/set", "attic/meter-x/n1/set/relay/result", "attic/other/n1/set/relay"]) {
    expect(topic.match(other)).toBeUndefined();
  }
});

test("what a record's topic has escaped, a capture has unescaped", () => {
  const topic = new CommandTopic("c/{node}", origin);
  expect(topic.match("c/a%2Fb")?.get("node")).toBe("a/b");
  expect(topic.match("c/100%")?.get("node")).toBe("100%");
});

test("the captures of a template are known", () => {
  expect(capturesOf("{gateway}/{source}/{node}/set/{field}")).toEqual(["node", "field"]);
  expect(capturesOf("a/x{node}")).toEqual([]);
});
