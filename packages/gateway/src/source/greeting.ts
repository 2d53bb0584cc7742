/** What is written to a device as soon as its wire is open. */

import type { LineControl, PipelineSettings } from "../configuration/configuration.js";
import { encodedText } from "../text/encoded.js";
import type { Channel } from "./channel.js";

export function greet(settings: LineControl & Pick<PipelineSettings, "encoding">, channel: Channel): void {
  const { greeting, encoding } = settings;
  const bytes = greeting && encodedText(greeting, encoding);
  if (bytes) channel.write(bytes);
}
