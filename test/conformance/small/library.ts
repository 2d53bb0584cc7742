// The library with the small client instead of the full one, for tests that import `@aiko/mqtt`.
import {
  createClient as create,
  type SmallClient,
  type SmallEvents,
  type SmallOptions,
} from "../../../packages/mqtt/src/small/index.ts";

export * from "../../../packages/mqtt/src/index.ts";
export { connect } from "../../../packages/mqtt/src/small/index.ts";

/** Events of the full client only: tests register listeners and check that they are not called. */
const missing = ["takenOver", "slowConsumer", "packet"];

export function createClient(urls: string | readonly string[], options?: SmallOptions): SmallClient {
  const client = create(urls, options);
  const { on } = client;
  client.on = <Name extends keyof SmallEvents>(name: Name, listener: (value: SmallEvents[Name]) => void) =>
    missing.includes(name) ? () => undefined : on.call(client, name, listener as never);
  return client;
}
