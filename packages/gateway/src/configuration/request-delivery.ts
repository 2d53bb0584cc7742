/** Whether what polls send can become a frame of their source. Knows nothing of what the answers are. */

import { pollProblem } from "../command/polls.js";
import type { SourceSettings } from "./configuration.js";
import type { Place } from "./place.js";
import type { PollSettings } from "./request-settings.js";

/** @param place of the whole configuration */
export function checkDelivery(gateway: string, sources: readonly SourceSettings[], place: Place): void {
  for (const [i, source] of sources.entries()) {
    for (const [j, poll] of source.polls.entries()) {
      const problem = pollProblem(poll, source, { gateway, source: source.id });
      if (problem === undefined) continue;
      const help = poll.framed ? "; correct it, or write framed = false to send it as it is" : "; correct it";
      place.at("source").at(i).at("poll").at(j).at(keyOf(poll)).problem(`cannot be sent: ${problem}${help}`);
    }
  }
}

/** The key that says what is sent. */
function keyOf({ question }: PollSettings): "send" | "hex" | "modbus" {
  return question.kind === "text" ? "send" : question.kind;
}
