// The form of a device discovery message of Home Assistant, as its documentation has it: the parts that the gateway uses.
// https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, sensor.mqtt, binary_sensor.mqtt, switch.mqtt, select.mqtt,
// number.mqtt, text.mqtt

const text = { type: "string", minLength: 1 };
const identifier = { type: "string", pattern: "^[A-Za-z0-9_-]+$" };

const component = {
  name: text,
  unique_id: identifier,
  device_class: text,
  state_topic: text,
  value_template: { type: "string", pattern: "^\\{\\{ [^]+ \\}\\}$" },
};

function commanded(platform: string, properties: object) {
  return {
    type: "object",
    required: ["p", "unique_id", "command_topic"],
    additionalProperties: false,
    properties: { ...component, p: { const: platform }, command_topic: text, ...properties },
  };
}

export const discoverySchema = {
  type: "object",
  required: ["dev", "o", "cmps"],
  additionalProperties: false,
  properties: {
    dev: {
      type: "object",
      required: ["ids", "name"],
      additionalProperties: false,
      properties: { ids: { type: "array", items: identifier, minItems: 1 }, name: text },
    },
    o: {
      type: "object",
      required: ["name"],
      additionalProperties: false,
      properties: { name: text, sw: text, url: text },
    },
    cmps: {
      type: "object",
      minProperties: 1,
      propertyNames: identifier,
      additionalProperties: {
        oneOf: [
          {
            type: "object",
            required: ["p", "unique_id"],
            additionalProperties: false,
            properties: {
              ...component,
              p: { const: "sensor" },
              unit_of_measurement: text,
              state_class: { enum: ["measurement", "measurement_angle", "total", "total_increasing"] },
            },
          },
          {
            type: "object",
            required: ["p", "unique_id", "payload_on", "payload_off"],
            additionalProperties: false,
            properties: { ...component, p: { const: "binary_sensor" }, payload_on: text, payload_off: text },
          },
          commanded("switch", { payload_on: text, payload_off: text, state_on: text, state_off: text }),
          commanded("select", { options: { type: "array", items: text, minItems: 1 } }),
          commanded("number", {
            min: { type: "number" },
            max: { type: "number" },
            mode: { enum: ["auto", "box", "slider"] },
            unit_of_measurement: text,
          }),
          commanded("text", {}),
        ],
      },
    },
    state_topic: text,
    availability: {
      type: "array",
      minItems: 1,
      items: { type: "object", required: ["topic"], additionalProperties: false, properties: { topic: text } },
    },
    availability_mode: { enum: ["all", "any", "latest"] },
    qos: { enum: [0, 1, 2] },
  },
} as const;
