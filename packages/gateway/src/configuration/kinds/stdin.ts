/** The table of sources of the kind "stdin". */

import { choice, type Kind, required, table } from "@aiko/mqtt-configuration";
import type { StdinSettings } from "../configuration.js";
import { buildSource, checkSource, common, everySource, framing, NO_ANSWERS, noRequests } from "../source-fields.js";

const nobody = "is not possible for stdin: there is nobody to write to; remove it";

export const stdin: Kind<StdinSettings> = table({
  title: '[[source]], kind = "stdin"',
  about: "Another program writes frames to the gateway's standard input. Only one source can be of this kind.",
  fields: {
    kind: required(choice("stdin"), "The kind of the source: standard input."),
    ...common,
    ...framing("line", "4KiB"),
  },
  inherits: everySource,
  refused: { ...noRequests(nobody), acknowledge: nobody, refuse: nobody, line_control: nobody },
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, {});
    const line = values.enabled === true ? place.reading.claim("stdin", place.path) : undefined;
    if (line !== undefined)
      place.at("kind").problem(`the source in line ${line} reads stdin already; only one source can`);
  },
  build({ kind, ...values }, place) {
    const built = buildSource(values, NO_ANSWERS, place);
    return built && { ...built, kind };
  },
});
