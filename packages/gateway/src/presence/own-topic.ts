/** Whether each device of a source has topics of its own, as the templates say. Pure. */

import type { PipelineSettings } from "../configuration/configuration.js";
import { placeholderNames } from "../text/placeholders.js";

type Templates = Pick<PipelineSettings, "deviceName" | "availability" | "topic">;

/** Placeholders that are the same for all devices of a source. */
const SAME: readonly string[] = ["gateway", "source"];

/** Whether all devices of a source have topics of their own for their availability. */
export function hasOwnAvailability(templates: Templates): boolean {
  return templates.availability !== "" && sharedBy(templates) === undefined;
}

/** Returns a placeholder in which devices differ, and the topics of their availability do not. */
export function sharedBy({ deviceName, availability, topic }: Templates): string | undefined {
  const names = placeholderNames(availability);
  const all = new Set([...names, ...(names.includes("topic") ? placeholderNames(topic) : [])]);
  // The topic of an MQTT message has all of its levels.
  const hasLevels = names.includes("topic") && placeholderNames(topic).includes("topic");
  return placeholderNames(deviceName).find(
    (name) => !SAME.includes(name) && !all.has(name) && !(hasLevels && name.startsWith("topic[")),
  );
}

/** Whether all records of a device have the same topic: it has no value that the device's name has not. */
export function hasOneTopic({ deviceName, topic }: Templates): boolean {
  const own = new Set([...SAME, ...placeholderNames(deviceName)]);
  return placeholderNames(topic).every((name) => own.has(name));
}
