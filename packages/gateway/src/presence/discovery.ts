/**
 * What is announced of a device to Home Assistant: a device discovery message, whose components follow from the fields of the source. Pure. Publishes
 * nothing, and has seen no record: what is announced is what the configuration says.
 * https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
 */

import type {
  FieldSettings,
  GatewaySettings,
  HomeAssistantSettings,
  PipelineSettings,
} from "../configuration/configuration.js";
import { isNumeric } from "../configuration/field-types.js";
import { Failure } from "../failure.js";
import { SUMS } from "../frame/crc.js";
import { topicBelow } from "../route/topic-template.js";
import { utf8Bytes } from "../text/utf8.js";
import { type Component, commandComponent, commandOf, commandTopicOf, quoted } from "./command-component.js";
import type { Device } from "./devices.js";
import { hasOneTopic } from "./own-topic.js";

/** What is the same for all devices of a gateway. */
export interface Announcer {
  readonly gateway: Pick<GatewaySettings, "id" | "base">;
  readonly homeAssistant: HomeAssistantSettings;
  /** That of the gateway, if it is known. */
  readonly version: string | undefined;
}

const NUMERIC_CLASSES_WITHOUT_STATE: readonly string[] = ["date", "timestamp", "enum", "uptime"];
/** Classes whose values are sums, which Home Assistant requires to be named as such. */
const STATE_CLASSES: Readonly<Record<string, string>> = {
  energy: "total_increasing",
  gas: "total_increasing",
  water: "total_increasing",
  volume: "total_increasing",
  monetary: "total",
  wind_direction: "measurement_angle",
};

/** Whether the devices of a source can be announced: a device's fields must be found at one topic, and in a payload with names. */
export function isAnnounced(source: PipelineSettings): boolean {
  const { payload, decode } = source;
  const hasNames = payload.kind === "json" || payload.kind === "fields";
  return hasNames && hasOneTopic(source) && decode.fields.some((field) => hasComponent(field, source));
}

/** Where the device is announced. */
export function discoveryTopic(
  { gateway, homeAssistant }: Pick<Announcer, "gateway" | "homeAssistant">,
  device: string,
): string {
  return `${homeAssistant.prefix}/device/${objectId(`${gateway.id}_${device}`)}/config`;
}

/** How many components the message has. */
export function componentCount(source: PipelineSettings): number {
  return source.decode.fields.filter((field) => hasComponent(field, source)).length;
}

/** Returns the message for a device of a source that is announced. */
export function discoveryPayload({ gateway, version }: Announcer, source: PipelineSettings, device: Device): string {
  const { name, topic, availability } = device;
  const id = objectId(`${gateway.id}_${name}`);
  const fields = source.decode.fields.filter((field) => hasComponent(field, source));
  const components = fields.map((field) => {
    const component = objectId(`${gateway.id}_${name}_${field.name}`);
    return [component, { ...componentOf(field, source, device, gateway.id), unique_id: component }] as const;
  });
  return JSON.stringify({
    dev: { ids: [id], name },
    o: { name: "aiko-mqtt-gateway", ...(version === undefined ? {} : { sw: version }) },
    cmps: Object.fromEntries(components),
    state_topic: topic,
    availability: [`${gateway.base}/status`, availability].flatMap((each) =>
      each === undefined ? [] : [{ topic: each }],
    ),
    availability_mode: "all",
    qos: source.qos,
  });
}

function hasComponent(field: FieldSettings, source: PipelineSettings): boolean {
  return (
    isBoolean(field) || field.class !== undefined || field.unit !== undefined || commandOf(field, source) !== undefined
  );
}

function isBoolean({ type, values }: FieldSettings): boolean {
  return type === "bool" && Object.values(values).every((value) => typeof value === "boolean");
}

function componentOf(
  field: FieldSettings,
  source: PipelineSettings,
  { name, topic }: Device,
  gateway: string,
): Component {
  const isJson = source.payload.kind === "json";
  const own = topicBelow(topic, field.name);
  const state: Component = isJson ? {} : { state_topic: own instanceof Failure ? topic : own };
  const value = isJson ? `value_json[${quoted(field.name)}] | default('')` : "value";
  // A template of Home Assistant writes the JSON values true and false as Python does.
  const boolean = isJson ? { on: "True", off: "False" } : { on: "true", off: "false" };
  const command = commandOf(field, source);
  const commanded = command && commandTopicOf(command, source, { gateway, source: source.id }, name);
  if (command !== undefined && commanded !== undefined) {
    return { ...state, ...commandComponent(field, command, commanded, value, isBoolean(field) ? boolean : undefined) };
  }
  const common: Component = {
    name: field.name,
    ...(field.class === undefined ? {} : { device_class: field.class }),
    ...(isJson ? { value_template: `{{ ${value} }}` } : state),
  };
  if (isBoolean(field)) return { p: "binary_sensor", ...common, payload_on: boolean.on, payload_off: boolean.off };
  const unit: Component = field.unit === undefined ? {} : { unit_of_measurement: field.unit };
  const stateClass = stateClassOf(field);
  return { p: "sensor", ...common, ...unit, ...(stateClass === undefined ? {} : { state_class: stateClass }) };
}

function stateClassOf({ type, unit, class: deviceClass = "", values }: FieldSettings): string | undefined {
  const isNumber = isNumeric(type) && Object.keys(values).length === 0;
  if (!isNumber || unit === undefined || NUMERIC_CLASSES_WITHOUT_STATE.includes(deviceClass)) return undefined;
  return STATE_CLASSES[deviceClass] ?? "measurement";
}

/**
 * Returns an identifier of letters, digits, underscores and hyphens, which is all that Home Assistant allows. If others had to be replaced, a
 * checksum keeps names apart that are the same otherwise.
 */
export function objectId(text: string): string {
  let id = "";
  for (const character of text) id += isAllowed(character.charCodeAt(0)) ? character : "_";
  if (id === text) return id;
  const bytes = utf8Bytes(text) ?? new Uint8Array();
  const { initial, final, update } = SUMS.crc32;
  const sum = (update(initial, bytes, 0, bytes.length) ^ final) >>> 0;
  return `${id}-${sum.toString(16).padStart(8, "0")}`;
}

function isAllowed(code: number): boolean {
  const isDigit = code >= 0x30 && code <= 0x39;
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isDigit || isLetter || code === 0x5f || code === 0x2d;
}
