/** The whole configuration as one table: the source of the reader, the JSON Schema and the reference. */

import { type Kind, list, oneOrMore, optional, required, table, text } from "@aiko/mqtt-configuration";
import type { Configuration } from "./configuration.js";
import { homeAssistant } from "./home-assistant-fields.js";
import { source } from "./kinds/source.js";
import { checkLoops } from "./loops.js";
import { NOT_YET } from "./not-yet.js";
import { checkDelivery } from "./request-delivery.js";
import { admin, gateway, metrics, spool, uplink } from "./section-fields.js";
import { filled } from "./template.js";

const sections = {
  $schema: optional(text(1, 2048), "The JSON Schema that an editor uses, in JSON files."),
  gateway: required(gateway, "The gateway itself."),
  uplink: required(oneOrMore(uplink, 16), "The MQTT servers."),
  spool: required(spool, "The queue between the sources and the server."),
  metrics: optional(metrics, "Metrics for Prometheus."),
  admin: optional(admin, "The socket for `gateway status`."),
  homeassistant: optional(homeAssistant, "How devices are announced to Home Assistant."),
  source: required(list(source, 1, 1000), "The sources."),
};

export const configurationTable: Kind<Configuration> = table({
  title: "the configuration",
  about: "",
  fields: sections,
  refused: { broker: NOT_YET },
  check({ values, place }) {
    if (values.gateway !== undefined) {
      checkLoops(values.gateway.id, values.uplink ?? [], values.source ?? [], place);
      checkDelivery(values.gateway.id, values.source ?? [], place);
    }
    if (values.spool === undefined) return;
    const most = values.spool.segment / 4;
    for (const [i, { maxFrame }] of (values.source ?? []).entries()) {
      const frame = place.at("source").at(i).at("max_frame");
      if (maxFrame > most)
        frame.problem(`must be at most a quarter of spool.segment (${most} bytes), not ${maxFrame} bytes`);
    }
  },
  build({
    gateway: { base, ...settings },
    uplink: uplinks,
    spool: spoolSettings,
    metrics: served,
    admin: adminSocket,
    homeassistant,
    source: sources,
  }) {
    const placeholders = { gateway: settings.id };
    return {
      gateway: { ...settings, base: filled(base, placeholders) },
      uplinks: uplinks.map((each) => ({ ...each, clientId: filled(each.clientId, placeholders) })),
      spool: spoolSettings,
      metrics: served,
      adminSocket,
      homeAssistant: homeassistant?.settings,
      sources: sources.map((each) =>
        each.kind === "mqtt"
          ? { ...each, clientId: filled(each.clientId, { ...placeholders, source: each.id }) }
          : each,
      ),
    };
  },
});
