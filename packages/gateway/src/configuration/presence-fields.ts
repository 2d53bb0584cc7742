/** The fields of a source that say which device a record is from, when a device is offline, and which records are too many. */

import {
  duration,
  integer,
  type Kind,
  number,
  optional,
  type Place,
  preset,
  type Read,
  required,
  table,
} from "@aiko/mqtt-configuration";
import { sharedBy } from "../presence/own-topic.js";
import type { DedupeSettings, RateSettings } from "./configuration.js";
import { checkPlaceholders, template, topicTemplate } from "./template.js";
import { fieldName } from "./value-fields.js";

const FASTEST = 1_000_000;

const rate: Kind<RateSettings> = table({
  title: "[source.rate]",
  about: "A limit of the records of a source, all devices together.",
  fields: {
    per_second: required(number(), "The most records a second, on average. It may be less than 1."),
    burst: optional(integer(1, FASTEST), "The most records at once. Default: those of a second, at least 1."),
  },
  check({ values: { per_second }, place }) {
    if (per_second !== undefined && (per_second <= 0 || per_second > FASTEST))
      place.at("per_second").wrong(`must be above 0 and at most ${FASTEST}`, per_second);
  },
  build: ({ per_second, burst }) => ({ perSecond: per_second, burst: burst ?? Math.max(1, Math.floor(per_second)) }),
});

const topicOrNone = topicTemplate();

const dedupe: Kind<DedupeSettings> = table({
  title: "[source.dedupe]",
  about: "Which records are repeats. They are dropped as `duplicate`, and acknowledged.",
  fields: {
    key: required(
      fieldName(),
      "The field that is the same in a record and in its repeats, and different in other records of the device that `device_name` names.",
    ),
    within: required(duration("1ms", "36500d"), "The time after a record in which records with its key are repeats."),
  },
  build: (values) => values,
});

export const presence = {
  device_name: optional(
    template(),
    "The name of the device that a record is from, with placeholders as in `topic`. If a value is missing, the record belongs to no device. Default: `{node}`.",
  ),
  silence: preset(
    duration("1s", "36500d", 0),
    0,
    "A device is offline if no frame of it came for this time. 0: never. With it, the gateway publishes the availability of each device.",
  ),
  availability: preset(
    {
      ...topicOrNone,
      label: 'topic template or ""',
      schema: { anyOf: [topicOrNone.schema, { const: "" }] },
      read: (value, place) => (value === "" ? value : topicOrNone.read(value, place)),
    } satisfies Kind<string>,
    "{topic}/availability",
    'The topic to which `online` and `offline` are published for a device, retained. Placeholders as in `topic`; `{topic}` is the topic of the record. `""`: none.',
  ),
  rate: optional(rate, "The most records a second. Others are dropped as `rate`. Default: no limit."),
  dedupe: optional(
    dedupe,
    "Drops repeats of a record. Its key is remembered in memory: at least the latest 5,000 keys are, unless they are long. Default: off.",
  ),
};

type Written = Partial<Read<typeof presence>> & { readonly topic?: string };

/** The name of a device if none is written. */
export const USUAL_DEVICE = "{node}";

/**
 * @param fields those of the source; undefined if only the device knows them
 * @param placeholders those that are not fields
 */
export function checkPresence(
  { device_name: device, silence, availability, dedupe: repeats, topic }: Written,
  fields: ReadonlySet<string> | undefined,
  placeholders: readonly string[],
  place: Place,
): void {
  const all = fields && new Set([...fields, ...placeholders]);
  const own = placeholders.filter((name) => name.startsWith("topic"));
  if (device !== undefined) checkPlaceholders(device, all, place.at("device_name"), own);
  if (availability !== undefined) {
    checkPlaceholders(availability, all && new Set([...all, "topic"]), place.at("availability"), own);
  }
  if (repeats !== undefined && fields?.has(repeats.key) === false) {
    const known = [...fields].join(", ");
    place.at("dedupe").at("key").problem(`the source has no field "${repeats.key}"; it has ${known}`);
  }
  if (silence === undefined || silence === 0) return;
  if (device === undefined && fields?.has("node") === false) {
    const example = [...fields][0] ?? "node";
    place
      .at("silence")
      .problem(`requires device_name, because there is no field "node"; write device_name = "{${example}}"`);
    return;
  }
  if (availability === undefined || topic === undefined || availability === "") return;
  const shared = sharedBy({ deviceName: device ?? USUAL_DEVICE, availability, topic });
  if (shared === undefined) return;
  place
    .at("silence")
    .problem(
      `the devices would share one topic of availability; if the source is one device, write device_name = "NAME"; otherwise write availability with {${shared}}, or as ""`,
    );
}
