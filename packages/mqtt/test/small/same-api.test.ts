// To switch to the full client, a program changes only an import: its arguments and results have the full client's
// types.
import * as whole from "@aiko/mqtt";
import * as small from "@aiko/mqtt/small";
import { expect, expectTypeOf, test } from "vitest";

test("functions for the small library's types also accept the full library's", () => {
  const connect: typeof small.connect = whole.connect;
  const createClient: typeof small.createClient = whole.createClient;
  expect([connect, createClient]).toEqual([whole.connect, whole.createClient]);
  expectTypeOf<whole.Client>().toExtend<small.SmallClient>();
  expectTypeOf<small.SmallOptions>().toExtend<whole.ConnectOptions>();
  expectTypeOf<small.SmallSubscribeOptions>().toExtend<whole.SubscribeOptions>();
  expectTypeOf<whole.Subscription>().toExtend<small.SmallSubscription>();
});

test("errors have the same classes, so that instanceof works for both", () => {
  const classes = Object.entries(small).filter(([name]) => name.endsWith("Error"));
  expect(classes).toHaveLength(9);
  expect(whole).toMatchObject(Object.fromEntries(classes));
});
