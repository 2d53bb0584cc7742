/** Which device a record is from, and the topic of its availability. Remembers no device. */

import type { PipelineSettings } from "../configuration/configuration.js";
import { Failure } from "../failure.js";
import type { Fields, Peer } from "../pipeline/outcome.js";
import type { Origin } from "./placeholder-values.js";
import { Template } from "./template.js";
import { TopicTemplate } from "./topic-template.js";

/** Records with a longer name belong to no device: names are kept in memory. */
const LONGEST_NAME = 128;

export class DeviceTemplate {
  private readonly name: Template;
  private readonly availability: TopicTemplate | undefined;

  /** @throws UsageError if no topic can come of `availability` */
  constructor({ deviceName, availability }: Pick<PipelineSettings, "deviceName" | "availability">, origin: Origin) {
    this.name = new Template(deviceName, origin);
    this.availability = availability === "" ? undefined : new TopicTemplate("availability", availability, origin);
  }

  /** Returns the device's name; undefined if a value of the template is missing, or if the name is empty or too long. */
  nameOf(peer: Peer, fields: Fields): string | undefined {
    const filled = this.name.fill(peer, fields);
    return "missing" in filled || filled.text === "" || filled.text.length > LONGEST_NAME ? undefined : filled.text;
  }

  /** Returns the topic of the availability of the device whose record has this topic. Undefined: there is none. */
  availabilityOf(peer: Peer, fields: Fields, topic: string): string | undefined {
    const found = this.availability?.topic({ ...peer, topic }, fields);
    return found instanceof Failure ? undefined : found;
  }
}
