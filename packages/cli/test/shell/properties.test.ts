// The option -D.
import { expect, test } from "vitest";
import { parseArguments } from "../../src/arguments.ts";
import { propertiesOf, propertyLength } from "../../src/shell/properties.ts";

const table = { property: { letters: "D", value: "P", help: "", length: propertyLength, repeats: true } };

function read(...argv: string[]): unknown {
  const parsed = parseArguments(table, argv, 9);
  if (parsed.asks !== "run") throw new Error("no arguments");
  return propertiesOf(parsed.args.all("property"), ["connect", "publish", "will"]);
}

test("reads properties of several packets", () => {
  expect(
    read(
      ...["-D", "publish", "user-property", "a", "1", "-D", "PUBLISH", "user-property", "a", "-D"],
      ...["-D", "publish", "message-expiry-interval", "60", "-D", "connect", "request-problem-information", "0"],
      ...["-D", "will", "correlation-data", "x"],
    ),
  ).toEqual({
    publish: {
      userProperties: [
        ["a", "1"],
        ["a", "-D"],
      ],
      messageExpiryInterval: 60,
    },
    connect: { requestProblemInformation: false },
    will: { correlationData: Uint8Array.of(120) },
  });
});

test.each([
  [["-D"], "requires a value"],
  [["-D", "subscribe", "user-property", "a", "b"], "-D subscribe user-property a b: the packets are connect, publish"],
  [["-D", "publish", "nonsense", "1"], "the properties of publish are content-type"],
  [["-D", "publish", "receive-maximum", "1"], "the properties of publish are"],
  [["-D", "connect", "receive-maximum", "65536"], "must be an integer from 0 to 65535"],
  [["-D", "connect", "receive-maximum", "x"], "must be an integer"],
  [["-D", "connect", "receive-maximum"], "a value is missing"],
  [["-D", "publish", "user-property", "a"], "requires a name and a value"],
  [["-D", "publish", "content-type", "a", "-D", "publish", "content-type", "b"], "it was specified twice"],
])("rejects %j", (argv, why) => {
  expect(() => read(...argv)).toThrow(why);
});
