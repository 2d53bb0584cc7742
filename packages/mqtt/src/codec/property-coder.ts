/** Reads and writes a packet's properties by walking the table in `property-rules.ts`. */

import { ProtocolError, UsageError } from "../errors.js";
import { TOPIC_ALIAS_INVALID } from "../reason-code.js";
import { shownValue } from "../topic/shown-value.js";
import { topicNameProblem } from "../topic/topic-name.js";
import { BodyWriter } from "./body-writer.js";
import { type Cursor, forbidden, malformed, tooLarge } from "./cursor.js";
import { MAXIMUM_ENTRIES, MAXIMUM_PROPERTIES_SIZE } from "./limits.js";
import { type PropertyPlace, type PropertyRule, propertyRules } from "./property-rules.js";
import { MAXIMUM_VARIABLE_BYTE_INTEGER } from "./variable-byte-integer.js";

type Bag = Record<string, unknown>;

const byName = new Map(propertyRules.map((rule) => [rule.name, rule]));
const byIdentifier = new Map<number, PropertyRule[]>();
for (const rule of propertyRules)
  byIdentifier.set(rule.identifier, [...(byIdentifier.get(rule.identifier) ?? []), rule]);

/**
 * Reads the property length and the properties. Returns undefined for an empty list, so that nothing is allocated for
 * it.
 */
export function readProperties(cursor: Cursor, place: PropertyPlace): Bag | undefined {
  const length = cursor.variableByteInteger(`${place}: property length`);
  if (length === 0) return undefined;
  if (length > MAXIMUM_PROPERTIES_SIZE) {
    throw tooLarge(`${place}: property length ${length}, the limit is ${MAXIMUM_PROPERTIES_SIZE}`);
  }
  if (length > cursor.left) {
    throw malformed(`${place}: property length ${length} runs past the end of the packet by ${length - cursor.left}`);
  }
  const packetEnd = cursor.end;
  cursor.end = cursor.at + length;
  const bag: Bag = {};
  while (cursor.left > 0) {
    const identifier = cursor.variableByteInteger(`${place}: property identifier`);
    const rule = byIdentifier.get(identifier)?.find((each) => each.places.has(place));
    if (rule === undefined) {
      throw malformed(
        `${place}: property 0x${identifier.toString(16).padStart(2, "0")} is not allowed in this packet [MQTT5 2.2.2.2]`,
      );
    }
    readProperty(cursor, place, rule, bag);
  }
  cursor.end = packetEnd;
  if ("authenticationData" in bag && !("authenticationMethod" in bag)) {
    throw forbidden(`${place}: authenticationData requires authenticationMethod [MQTT5 3.1.2.11.10]`);
  }
  return bag;
}

function readProperty(cursor: Cursor, place: PropertyPlace, rule: PropertyRule, bag: Bag): void {
  const field = `${place}: ${rule.name}`;
  const { name, form } = rule;
  if (form === "pairs" || form === "identifiers") {
    const list = (bag[name] ?? []) as unknown[];
    if (list.length === MAXIMUM_ENTRIES) throw tooLarge(`${field}: more than ${MAXIMUM_ENTRIES} in one packet`);
    bag[name] = list;
    if (form === "pairs") list.push([cursor.text(`${field} name`), cursor.text(`${field} value`)]);
    else list.push(notZero(rule, field, cursor.variableByteInteger(field)));
    return;
  }
  if (name in bag) throw forbidden(`${field} must not appear twice`);
  bag[name] = readValue(cursor, rule, field);
}

function readValue(cursor: Cursor, rule: PropertyRule, field: string): unknown {
  switch (rule.form) {
    case "boolean":
      return bit(cursor, field) === 1;
    case "bit":
      return bit(cursor, field);
    case "two-byte":
      return notZero(rule, field, cursor.twoByte(field));
    case "four-byte":
      return notZero(rule, field, cursor.fourByte(field));
    case "variable":
      return notZero(rule, field, cursor.variableByteInteger(field));
    case "text":
      return cursor.text(field);
    case "topic": {
      const topic = cursor.text(field);
      const problem = topicNameProblem(topic);
      if (problem) throw forbidden(`${field} ${problem}`);
      return topic;
    }
    default:
      return cursor.ownBinary(field);
  }
}

function bit(cursor: Cursor, field: string): number {
  const value = cursor.byte(field);
  if (value > 1) throw forbidden(`${field}: ${value} must be 0 or 1`);
  return value;
}

function notZero(rule: PropertyRule, field: string, value: number): number {
  if (!rule.nonZero || value !== 0) return value;
  const { name } = rule;
  if (name === "topicAlias")
    throw new ProtocolError("TOPIC_ALIAS_INVALID", TOPIC_ALIAS_INVALID, `${field} 0 [MQTT5-3.3.2-8]`);
  throw forbidden(`${field} must not be 0`);
}

/**
 * Writes the property length and the properties, in the order of the object's keys.
 *
 * @throws UsageError PROPERTY_INVALID for an unknown name, a property that this packet does not allow, or a value out
 * of range
 */
export function writeProperties(writer: BodyWriter, place: PropertyPlace, properties: object | undefined): void {
  if (properties === undefined) {
    writer.byte(0);
    return;
  }
  const body = new BodyWriter();
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) writeProperty(body, place, name, value);
  }
  const { authenticationData, authenticationMethod } = properties as Bag;
  if (authenticationData !== undefined && authenticationMethod === undefined) {
    throw new UsageError(
      "PROPERTY_INVALID",
      `${place}: property "authenticationData" requires authenticationMethod [MQTT5 3.1.2.11.10]`,
    );
  }
  if (body.length > MAXIMUM_PROPERTIES_SIZE) {
    throw new UsageError(
      "PROPERTY_INVALID",
      `${place}: the properties take ${body.length} bytes; the limit is ${MAXIMUM_PROPERTIES_SIZE}`,
    );
  }
  writer.variableByteInteger(body.length);
  writer.appendBody(body);
}

function writeProperty(body: BodyWriter, place: PropertyPlace, name: string, value: unknown): void {
  const rule = byName.get(name);
  if (rule === undefined) throw new UsageError("PROPERTY_INVALID", `${place}: unknown property "${name}"`);
  if (!rule.places.has(place)) {
    throw new UsageError(
      "PROPERTY_INVALID",
      `${place}: property "${name}" is only allowed in ${[...rule.places].join(", ")}`,
    );
  }
  if (rule.form !== "pairs" && rule.form !== "identifiers") {
    body.byte(rule.identifier);
    writeValue(body, place, rule, value);
    return;
  }
  if (!Array.isArray(value)) throw wrong(place, rule, value, "must be an array");
  if (value.length > MAXIMUM_ENTRIES) throw wrong(place, rule, value, `must have at most ${MAXIMUM_ENTRIES} entries`);
  for (const item of value as unknown[]) {
    body.byte(rule.identifier);
    if (rule.form === "identifiers") {
      body.variableByteInteger(number(place, rule, item, MAXIMUM_VARIABLE_BYTE_INTEGER));
    } else {
      if (!Array.isArray(item) || item.length !== 2) throw wrong(place, rule, item, "must be pairs [name, value]");
      body.text(`${place}: ${name} name`, item[0]);
      body.text(`${place}: ${name} value`, item[1]);
    }
  }
}

function writeValue(body: BodyWriter, place: PropertyPlace, rule: PropertyRule, value: unknown): void {
  const field = `${place}: ${rule.name}`;
  switch (rule.form) {
    case "boolean":
      if (typeof value !== "boolean") throw wrong(place, rule, value, "must be true or false");
      body.byte(value ? 1 : 0);
      break;
    case "bit":
      body.byte(number(place, rule, value, 1));
      break;
    case "two-byte":
      body.twoByte(number(place, rule, value, 0xffff));
      break;
    case "four-byte":
      body.fourByte(number(place, rule, value, 0xffff_ffff));
      break;
    case "variable":
      body.variableByteInteger(number(place, rule, value, MAXIMUM_VARIABLE_BYTE_INTEGER));
      break;
    case "binary":
      body.binary(field, value);
      break;
    case "topic": {
      const problem = typeof value === "string" ? topicNameProblem(value) : "must be a string";
      if (problem) throw wrong(place, rule, value, problem);
      body.text(field, value);
      break;
    }
    default:
      body.text(field, value);
  }
}

function number(place: PropertyPlace, rule: PropertyRule, value: unknown, maximum: number): number {
  const minimum = rule.nonZero ? 1 : 0;
  if (typeof value !== "number" || !Number.isInteger(value) || value < minimum || value > maximum) {
    throw wrong(place, rule, value, `must be an integer from ${minimum} to ${maximum}`);
  }
  return value;
}

function wrong(place: PropertyPlace, rule: PropertyRule, value: unknown, what: string): UsageError {
  return new UsageError("PROPERTY_INVALID", `${place}: property "${rule.name}" is ${shownValue(value)}: ${what}`);
}
