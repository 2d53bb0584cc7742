// Wrong calls that the compiler rejects, each with the error that JavaScript programs get. `npm run check` compiles
// this file.
import type { PublishProperties, UsageErrorCode } from "@aiko/mqtt";
import { Broker, type BrokerOptions, type BrokerTls, type ListenerOptions } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";

const listeners: readonly ListenerOptions[] = [{ url: "mqtt://127.0.0.1:0" }];

const wrongCalls: readonly (readonly [name: string, code: UsageErrorCode, call: () => Promise<Broker>])[] = [
  [
    "listeners and port",
    "OPTION_INVALID",
    // @ts-expect-error
    () => Broker.listen({ listeners, port: 0 }),
  ],
  [
    "path and port",
    "OPTION_UNKNOWN",
    // @ts-expect-error
    () => Broker.listen({ path: "/run/broker.sock", port: 0 }),
  ],
  [
    "an option of a listener that is misspelt",
    "OPTION_UNKNOWN",
    // @ts-expect-error
    () => Broker.listen({ listeners: [{ url: "unix:/run/broker.sock", modus: 0o600 }] }),
  ],
  [
    "a certificate without its key",
    "OPTION_INVALID",
    // @ts-expect-error
    () => Broker.listen({ port: 0, tls: { certificate: "-----BEGIN CERTIFICATE-----" } }),
  ],
];

test.each(wrongCalls)("the compiler and listen reject %s", async (_name, code, call) => {
  await expect(call()).rejects.toMatchObject({ name: "UsageError", code });
});

test("the compiler and publish reject properties that belong to one connection", async () => {
  await using broker = await Broker.listen({ listeners: [] });
  const properties: PublishProperties = { topicAlias: 1 };
  const refused = expect.objectContaining({ code: "PROPERTY_INVALID" });
  // @ts-expect-error
  expect(() => broker.publish("a", "", { properties })).toThrow(refused);
});

// Compiled, but not run.
const rightCalls = [
  (options: BrokerOptions) => Broker.listen(options),
  (options: BrokerOptions) => Broker.listen({ port: 0, ...options }),
  (tls: BrokerTls | undefined) => Broker.listen({ host: "::1", port: 8883, tls, listeners: undefined }),
  (port: number | undefined) => Broker.listen({ host: undefined, port, tls: undefined }),
  () => Broker.listen({ listeners, port: undefined, maximumConnections: undefined }),
  (options: Extended) => Broker.listen(options),
];

interface Extended extends BrokerOptions {
  readonly name?: string;
}

test("the compiler accepts what it accepted before", () => {
  expect(rightCalls.every((call) => typeof call === "function")).toBe(true);
});
