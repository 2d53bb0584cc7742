/** Settings for tests: a source whose fields a test overrides, and short forms of what stands in it. */

import type {
  DecodeSettings,
  FieldSettings,
  FieldType,
  GatewaySettings,
  SourceSettings,
  StdinSettings,
} from "../src/configuration/configuration.ts";
import type { FieldValue, Outcome, Peer, Wire } from "../src/pipeline/outcome.ts";
import { createPipeline } from "../src/pipeline/pipeline.ts";

export const gateway: GatewaySettings = {
  id: "attic",
  base: "aiko/attic",
  timestamps: "off",
  shutdown: 2000,
  log: "info",
  logFormat: "text",
  memoryLimit: 2 ** 26,
};

export const peer: Peer = { peer: "192.0.2.1", port: 2000 };

export function sourceWith(settings: Partial<StdinSettings> = {}): SourceSettings {
  return {
    kind: "stdin",
    id: "meter",
    enabled: true,
    frame: { kind: "line" },
    check: { kind: "none" },
    first: "keep",
    maxFrame: 4096,
    frameTimeout: 1000,
    encoding: "utf8",
    decode: { format: "raw", fields: [] },
    when: [],
    topic: "{gateway}/{source}",
    payload: { kind: "json" },
    qos: 1,
    retain: false,
    expiry: 0,
    deviceName: "{node}",
    silence: 0,
    availability: "{topic}/availability",
    rate: undefined,
    dedupe: undefined,
    acknowledge: undefined,
    refuse: undefined,
    deadletter: undefined,
    polls: [],
    commands: [],
    ...settings,
  };
}

export function field(name: string, type: FieldType = "text", more: Partial<FieldSettings> = {}): FieldSettings {
  return {
    name,
    type,
    unit: undefined,
    scale: 1,
    offset: 0,
    values: {},
    min: undefined,
    max: undefined,
    class: undefined,
    ...more,
  };
}

export function json(...fields: FieldSettings[]): DecodeSettings {
  return { format: "json", pick: {}, fields };
}

export function csv(...fields: FieldSettings[]): DecodeSettings {
  return { format: "csv", separator: ";", quote: '"', fields };
}

export function pipelineOf(settings: Partial<StdinSettings> = {}, timestamps: GatewaySettings["timestamps"] = "off") {
  return createPipeline(sourceWith(settings), { id: gateway.id, timestamps }, { wallTime: () => 1_790_000_000_123 });
}

/** Opens a connection. */
export function wireOf(settings: Partial<StdinSettings> = {}): Wire {
  return pipelineOf(settings).open(peer);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** What of an outcome most tests look at: its messages, or why it was dropped. */
export function seen({ records, dropped, detail }: Outcome): string {
  if (dropped !== undefined) return `${dropped}: ${detail}`;
  return records.map(({ topic, payload }) => `${topic} ${textOf(payload)}`).join(" | ");
}

export function fieldsOf(found: ReadonlyMap<string, FieldValue>): Record<string, FieldValue> {
  return Object.fromEntries(found);
}
