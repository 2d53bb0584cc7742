/** What is written to a device as soon as its wire is open. */

import type { LineControl } from "../configuration/configuration.js";
import { latin1Bytes, utf8Bytes } from "../text/utf8.js";
import type { Channel } from "./channel.js";

export function greet(settings: LineControl & { readonly encoding: string }, channel: Channel): void {
  const { greeting, encoding } = settings;
  const bytes = greeting && (encoding === "latin1" ? latin1Bytes(greeting) : utf8Bytes(greeting));
  if (bytes) channel.write(bytes);
}
