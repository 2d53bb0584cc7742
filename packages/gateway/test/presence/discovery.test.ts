import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StdinSettings } from "../../src/configuration/configuration.ts";
import type { CommandSettings } from "../../src/configuration/request-settings.ts";
import {
  type Announcer,
  componentCount,
  discoveryPayload,
  discoveryTopic,
  isAnnounced,
  objectId,
} from "../../src/presence/discovery.ts";
import { hasOwnAvailability } from "../../src/presence/own-topic.ts";
import { csv, field, json, sourceWith } from "../settings.ts";
import { discoverySchema } from "./discovery-schema.ts";

const announcer: Announcer = {
  gateway: { id: "attic", base: "aiko/attic" },
  homeAssistant: { prefix: "homeassistant", statusTopic: "homeassistant/status" },
  version: "1.2.3",
};
const device = { name: "pebble_1", topic: "house/pebble_1", availability: "house/pebble_1/availability" };
const isDiscovery = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(discoverySchema);

const fields = [
  field("node"),
  field("temperature", "f32", { unit: "°C", class: "temperature" }),
  field("relay", "bool"),
];
const house: Partial<StdinSettings> = { topic: "house/{node}", decode: json(...fields) };

function announced(settings: Partial<StdinSettings>, of = device): Record<string, unknown> {
  const message: unknown = JSON.parse(discoveryPayload(announcer, sourceWith(settings), of));
  expect(isDiscovery(message), JSON.stringify(isDiscovery.errors)).toBe(true);
  return message as Record<string, unknown>;
}

test("a device is announced with its fields that have a class, a unit or the type bool", () => {
  expect(discoveryTopic(announcer, "pebble_1")).toBe("homeassistant/device/attic_pebble_1/config");
  expect(isAnnounced(sourceWith(house))).toBe(true);
  expect(componentCount(sourceWith(house))).toBe(2);
  expect(announced(house)).toEqual({
    dev: { ids: ["attic_pebble_1"], name: "pebble_1" },
    o: { name: "aiko-mqtt-gateway", sw: "1.2.3" },
    cmps: {
      attic_pebble_1_temperature: {
        p: "sensor",
        name: "temperature",
        unique_id: "attic_pebble_1_temperature",
        device_class: "temperature",
        unit_of_measurement: "°C",
        state_class: "measurement",
        value_template: "{{ value_json['temperature'] | default('') }}",
      },
      attic_pebble_1_relay: {
        p: "binary_sensor",
        name: "relay",
        unique_id: "attic_pebble_1_relay",
        payload_on: "True",
        payload_off: "False",
        value_template: "{{ value_json['relay'] | default('') }}",
      },
    },
    state_topic: "house/pebble_1",
    availability: [{ topic: "aiko/attic/status" }, { topic: "house/pebble_1/availability" }],
    availability_mode: "all",
    qos: 1,
  });
});

describe("a field that a command sets", () => {
  const command = (changes: Partial<CommandSettings>): CommandSettings => ({
    topic: "house/{node}/set",
    decode: "raw",
    field: "relay",
    values: {},
    encode: { format: "raw", fields: [] },
    framed: true,
    answer: undefined,
    qos: 1,
    queue: 32,
    expiry: 30_000,
    hold: false,
    retained: false,
    result: undefined,
    ...changes,
  });
  const component = (changes: Partial<CommandSettings>, settings: Partial<StdinSettings> = {}) =>
    (announced({ ...house, commands: [command(changes)], ...settings })["cmps"] as Record<string, unknown>)[
      `attic_pebble_1_${changes.field ?? "relay"}`
    ];

  test("is a switch if it is on or off", () => {
    expect(component({ values: { ON: "1", OFF: "0" } })).toEqual({
      p: "switch",
      name: "relay",
      unique_id: "attic_pebble_1_relay",
      command_topic: "house/pebble_1/set",
      payload_on: "ON",
      payload_off: "OFF",
      state_on: "True",
      state_off: "False",
      value_template: "{{ value_json['relay'] | default('') }}",
    });
  });

  test("has the states of the device if its field is text", () => {
    const decode = json(field("node"), field("relay", "text", { class: "enum" }));
    const shown = component({ values: { on: "closed", off: "open" } }, { decode });
    expect(shown).toMatchObject({ p: "switch", state_on: "closed", state_off: "open" });
  });

  test("is a select if it has other values", () => {
    expect(component({ values: { Eco: "e", Boost: "b", Off: "o" } })).toMatchObject({
      p: "select",
      options: ["Eco", "Boost", "Off"],
      value_template:
        "{{ {'e': 'Eco', 'b': 'Boost', 'o': 'Off'}.get(value_json['relay'] | default('') | string, '') }}",
    });
  });

  test("is a number with its bounds, or a text", () => {
    const decode = json(field("node"), field("level", "u8", { unit: "%", min: 0, max: 100 }), field("line"));
    expect(component({ field: "level" }, { decode })).toMatchObject({
      p: "number",
      min: 0,
      max: 100,
      unit_of_measurement: "%",
    });
    expect(component({ field: "line" }, { decode })).toMatchObject({ p: "text" });
  });

  test("is only shown if the topic of the command does not follow from the device", () => {
    expect(component({ topic: "house/{room}/set" })).toMatchObject({ p: "binary_sensor" });
  });

  test("has a topic of its own if each field has one", () => {
    expect(component({}, { payload: { kind: "fields" } })).toMatchObject({
      state_topic: "house/pebble_1/relay",
      value_template: "{{ value }}",
    });
  });
});

test("if each field has a message of its own, each component has a topic", () => {
  const { cmps } = announced({ ...house, payload: { kind: "fields" } });
  expect(cmps).toMatchObject({
    attic_pebble_1_temperature: { state_topic: "house/pebble_1/temperature" },
    attic_pebble_1_relay: { state_topic: "house/pebble_1/relay", payload_on: "true", payload_off: "false" },
  });
});

test("without a topic of its availability, a device is available while the gateway is", () => {
  expect(announced(house, { ...device, availability: undefined as never })["availability"]).toEqual([
    { topic: "aiko/attic/status" },
  ]);
});

test.each([
  ["energy", "f64", "total_increasing"],
  ["monetary", "f64", "total"],
  ["timestamp", "text", undefined],
  ["temperature", "text", undefined],
  ["humidity", "u8", "measurement"],
] as const)("a sensor of the class %s and the type %s has the state class %s", (deviceClass, type, expected) => {
  const { cmps } = announced({ decode: csv(field("x", type, { class: deviceClass, unit: "u" })) });
  expect(Object(cmps).attic_pebble_1_x.state_class).toBe(expected);
});

test("a bool with words for its values is no binary sensor", () => {
  const words = field("lid", "bool", { values: { "0": "shut", "1": "open" }, class: "enum" });
  expect(announced({ decode: csv(words) })["cmps"]).toMatchObject({ attic_pebble_1_lid: { p: "sensor" } });
});

test.each<[string, Partial<StdinSettings>]>([
  ["no field has a class, a unit or the type bool", { ...house, decode: json(field("node")) }],
  ["the payload has no names", { ...house, payload: { kind: "raw" } }],
  ["the topic is different from record to record", { ...house, topic: "house/{node}/{temperature}" }],
])("a device is not announced if %s", (_, settings) => {
  expect(isAnnounced(sourceWith(settings))).toBe(false);
});

describe("the topic of the availability", () => {
  test.each([
    ["{node}", "house/{node}", "{topic}/availability", true],
    ["{node}", "house", "{topic}/availability", false],
    ["{node}", "house", "available/{node}", true],
    ["meter", "house/meter", "{topic}/availability", true],
    ["{topic[1]}", "in/{topic}", "{topic}/availability", true],
    ["{topic[1]}", "in", "{topic}/availability", false],
    ["{node}", "house/{node}", "", false],
  ])("device %s, topic %s, availability %s: own %s", (deviceName, topic, availability, expected) => {
    expect(hasOwnAvailability(sourceWith({ deviceName, topic, availability }))).toBe(expected);
  });
});

test("identifiers have the characters that Home Assistant allows, and different names have different ones", () => {
  expect(objectId("attic_pebble-1")).toBe("attic_pebble-1");
  expect(objectId("attic_küche.1")).toMatch(/^attic_k_che_1-[0-9a-f]{8}$/);
  const name = fc.string({ unit: "binary", maxLength: 8 });
  fc.assert(
    fc.property(name, name, (a, b) => {
      expect(objectId(a)).toMatch(/^[A-Za-z0-9_-]*$/);
      if (a !== b) expect(objectId(a)).not.toBe(objectId(b));
    }),
  );
});

test("any names of devices and fields make a valid message", () => {
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, text, text, (name, fieldName, unit) => {
      const { cmps } = announced({ decode: csv(field(fieldName, "f32", { unit })) }, { ...device, name });
      const [component] = Object.values(Object(cmps)) as { value_template: string }[];
      expect(component?.value_template.startsWith("{{ value_json['")).toBe(true);
    }),
  );
});

test("quotes and backslashes of a field's name do not end the template's text", () => {
  const { cmps } = announced({ decode: csv(field("it's\\", "f32", { unit: "x" })) });
  expect(Object.values(Object(cmps))).toMatchObject([
    { value_template: "{{ value_json['it\\'s\\\\'] | default('') }}" },
  ]);
});
