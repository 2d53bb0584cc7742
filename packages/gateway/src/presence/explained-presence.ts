/** What `gateway explain` shows of the devices of a source. Pure, and uses what the running gateway uses. */

import type { GatewaySettings, HomeAssistantSettings, SourceSettings } from "../configuration/configuration.js";
import type { DeviceSink } from "../pipeline/outcome.js";
import { escaped } from "../text/shown.js";
import { Devices } from "./devices.js";
import { componentCount, discoveryTopic, isAnnounced } from "./discovery.js";
import { hasOwnAvailability } from "./own-topic.js";

export class ExplainedPresence {
  /** One for each device that was seen. */
  readonly lines: string[] = [];
  /** Is called for each record of a device. Undefined: nothing depends on devices. */
  readonly sink: DeviceSink | undefined;

  constructor(
    private readonly source: SourceSettings,
    private readonly gateway: GatewaySettings,
    private readonly homeAssistant: HomeAssistantSettings | undefined,
  ) {
    const devices = new Devices(source.silence);
    const isTracked = source.silence > 0 || homeAssistant !== undefined;
    const seen: DeviceSink["seen"] = (name, now, topic, availability) => {
      const make = () => ({ name, topic, availability: hasOwnAvailability(source) ? availability() : undefined });
      const device = devices.seen(name, now, make);
      if (device !== undefined && device !== "full") this.lines.push(this.lineOf(name, device.availability));
    };
    this.sink = isTracked ? { seen } : undefined;
  }

  private lineOf(name: string, availability: string | undefined): string {
    const { source, gateway, homeAssistant } = this;
    const said: string[] = [];
    if (availability !== undefined) {
      const silence = source.silence === 0 ? "" : `, offline after ${source.silence / 1_000} s of silence`;
      said.push(`online at ${escaped(availability)}${silence}`);
    }
    if (homeAssistant !== undefined && isAnnounced(source)) {
      const count = componentCount(source);
      const topic = discoveryTopic({ gateway, homeAssistant }, name);
      said.push(`would announce ${topic} (${count} component${count === 1 ? "" : "s"})`);
    } else if (homeAssistant !== undefined) {
      said.push("is not announced to Home Assistant: see docs/gateway/presence.md");
    }
    return `device ${escaped(name)}: ${said.length === 0 ? "known" : said.join("; ")}`;
  }
}
