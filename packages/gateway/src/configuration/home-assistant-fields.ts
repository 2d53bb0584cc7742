/** The table of [homeassistant]. */

import { boolean, type Kind, preset, syntax, table } from "@aiko/mqtt-configuration";
import type { HomeAssistantSettings } from "./configuration.js";
import { topicTemplate } from "./template.js";

/** A topic without placeholders. */
function plainTopic(): Kind<string> {
  const kind = topicTemplate();
  return syntax({
    label: "topic",
    rule: 'must be a topic without placeholders, such as "homeassistant/status"',
    pattern: "^[^{}+#]+$",
    read: (value, place) => (value.includes("{") ? undefined : kind.read(value, place)),
  });
}

/** The settings, unless it is not enabled. */
interface Written {
  readonly settings: HomeAssistantSettings | undefined;
}

export const homeAssistant: Kind<Written> = table({
  title: "[homeassistant]",
  about: "Announces each device to Home Assistant, with the fields that have a `class`, a `unit` or the type `bool`.",
  fields: {
    enabled: preset(boolean(), false, "Whether devices are announced."),
    prefix: preset(plainTopic(), "homeassistant", "The topic below which Home Assistant looks for devices."),
    status_topic: preset(
      plainTopic(),
      "homeassistant/status",
      "The topic to which Home Assistant publishes `online` when it has started. The devices are announced again then.",
    ),
  },
  build: ({ enabled, prefix, status_topic }) => ({
    settings: enabled ? { prefix, statusTopic: status_topic } : undefined,
  }),
});
