/**
 * What is announced of a command to Home Assistant: a switch, number, select or text. Pure.
 * https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
 */

import { capturesOf } from "../command/command-topic.js";
import type { FieldSettings, PipelineSettings } from "../configuration/configuration.js";
import { isNumeric } from "../configuration/field-types.js";
import type { CommandSettings } from "../configuration/request-settings.js";
import { Failure } from "../failure.js";
import type { Origin } from "../route/placeholder-values.js";
import { TopicTemplate } from "../route/topic-template.js";

export type Component = Readonly<Record<string, string | number | readonly string[]>>;

const ON: readonly string[] = ["on", "true", "1", "yes"];
const OFF: readonly string[] = ["off", "false", "0", "no"];

/** Returns the command that sets a field. Undefined: there is none. */
export function commandOf(field: FieldSettings, { commands }: PipelineSettings): CommandSettings | undefined {
  return commands.find((command) => command.field === field.name);
}

/** Returns the topic of a command for one device. Undefined if the device's name does not say it. */
export function commandTopicOf(
  { topic }: CommandSettings,
  { deviceName }: PipelineSettings,
  origin: Origin,
  device: string,
): string | undefined {
  const captures = capturesOf(topic);
  const [name] = capturesOf(deviceName);
  if (captures.some((capture) => capture !== name)) return undefined;
  const fields = new Map(name === undefined ? [] : [[name, device]]);
  const found = new TopicTemplate("topic", topic, origin).topic({ peer: "", port: 0 }, fields);
  return found instanceof Failure ? undefined : found;
}

/**
 * @param topic that of the command
 * @param value the template of the field's value, as text
 * @param isBoolean whether the records have true and false, and how a template writes them
 */
export function commandComponent(
  field: FieldSettings,
  { values }: CommandSettings,
  topic: string,
  value: string,
  isBoolean: { readonly on: string; readonly off: string } | undefined,
): Component {
  const names = Object.keys(values);
  const on = names.find((name) => ON.includes(name.toLowerCase()));
  const off = names.find((name) => OFF.includes(name.toLowerCase()));
  const common = { name: field.name, command_topic: topic };
  if (names.length === 2 && on !== undefined && off !== undefined) {
    const state = isBoolean ?? { on: String(values[on]), off: String(values[off]) };
    const payloads = { payload_on: on, payload_off: off, state_on: state.on, state_off: state.off };
    return { p: "switch", ...common, ...payloads, value_template: `{{ ${value} }}` };
  }
  if (names.length > 0) {
    // What the device says, as the options of the command.
    const pairs = names.map((name) => `${quoted(String(values[name]))}: ${quoted(name)}`).join(", ");
    return { p: "select", ...common, options: names, value_template: `{{ {${pairs}}.get(${value} | string, '') }}` };
  }
  const unit = field.unit === undefined ? {} : { unit_of_measurement: field.unit };
  if (!isNumeric(field.type)) return { p: "text", ...common, value_template: `{{ ${value} }}` };
  const { min = -1e6, max = 1e6 } = field;
  return { p: "number", ...common, ...unit, min, max, mode: "box", value_template: `{{ ${value} }}` };
}

/** A string of a template. */
export function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
