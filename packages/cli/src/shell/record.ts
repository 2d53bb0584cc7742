/**
 * A message as one JSON object in a line, and back, without loss: what `sub --json` prints and `pub --lines json` reads.
 * Pure.
 */

import type { Message, MessageProperties, PublishOptions, QoS } from "@aiko/mqtt";
import { exactText } from "./message-json.js";

/** What `pub --lines json` publishes. */
export interface MessageRecord {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly options: Pick<PublishOptions, "qos" | "retain" | "properties">;
}

/** Returns the line, without its end. @param at when the message arrived, in milliseconds since the Unix epoch */
export function recordOf({ topic, payload, qos, retain, properties }: Message, at: number): string {
  const text = exactText(payload);
  return JSON.stringify({
    time: new Date(at).toISOString(),
    topic,
    qos,
    retain,
    ...(text === undefined ? { base64: Buffer.from(payload).toString("base64") } : { payload: text }),
    ...propertiesObject(properties),
  });
}

function propertiesObject(properties: MessageProperties): object {
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData } = properties;
  const { userProperties = [] } = properties;
  const named = {
    payloadFormatIndicator,
    messageExpiryInterval,
    contentType,
    responseTopic,
    correlationData: correlationData && Buffer.from(correlationData).toString("base64"),
    userProperties: userProperties.length > 0 ? userProperties : undefined,
  };
  return Object.values(named).some((value) => value !== undefined) ? { properties: named } : {};
}

type Fields = Record<string, unknown>;

const known = ["time", "topic", "qos", "retain", "payload", "base64", "properties"];
const propertyTypes: Readonly<Record<string, (value: unknown) => unknown>> = {
  payloadFormatIndicator: (value) => (value === 0 || value === 1 ? value : undefined),
  messageExpiryInterval: (value) => (Number.isInteger(value) ? value : undefined),
  contentType: text,
  responseTopic: text,
  correlationData: (value) => (typeof value === "string" ? bytesOf(value) : undefined),
  userProperties: (value) => (isPairs(value) ? value : undefined),
};

/**
 * Reads a line.
 *
 * @throws Error with the reason, if it is not a message
 */
export function readRecord(line: string): MessageRecord {
  const value: unknown = parse(line);
  if (!isObject(value)) throw new Error("it is not a JSON object");
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`unknown key "${unknown}"; the keys are ${known.join(", ")}`);
  const { topic, qos = 0, retain = false, payload, base64, properties } = value;
  if (typeof topic !== "string") throw new Error('"topic" must be text');
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new Error('"qos" must be 0, 1 or 2');
  if (typeof retain !== "boolean") throw new Error('"retain" must be true or false');
  if (payload !== undefined && base64 !== undefined) throw new Error('"payload" and "base64" cannot be combined');
  const given = readProperties(properties);
  const options = { qos: qos as QoS, retain, ...(given === undefined ? {} : { properties: given }) };
  if (base64 !== undefined) return { topic, payload: bytesOf(base64), options };
  if (payload !== undefined && typeof payload !== "string") throw new Error('"payload" must be text');
  return { topic, payload: payload ?? "", options };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`it is not valid JSON: ${(error as Error).message}`);
  }
}

function readProperties(value: unknown): MessageProperties | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw new Error('"properties" must be an object');
  const properties: Fields = {};
  for (const [name, given] of Object.entries(value)) {
    const read = Object.hasOwn(propertyTypes, name) ? propertyTypes[name] : undefined;
    if (read === undefined)
      throw new Error(`unknown property "${name}"; the properties are ${Object.keys(propertyTypes).join(", ")}`);
    properties[name] = read(given);
    if (properties[name] === undefined) throw new Error(`property "${name}" is not valid`);
  }
  return properties as MessageProperties;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isPairs(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string"))
  );
}

function bytesOf(base64: unknown): Uint8Array {
  if (typeof base64 !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Error('"base64" is not valid');
  return new Uint8Array(Buffer.from(base64, "base64"));
}
