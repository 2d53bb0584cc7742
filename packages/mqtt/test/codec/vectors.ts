// Owns the conformance vectors: reads them from test/conformance and gives them types. Knows nothing of our packets.

import { readFileSync } from "node:fs";
import type { ProtocolVersion } from "@aiko/mqtt/codec";

type NeutralValue = number | string | { readonly hex: string } | readonly [string, string];
export type NeutralProperties = readonly (readonly [name: string, value: NeutralValue])[];
export type NeutralPacket = Readonly<Record<string, unknown>> & { readonly type: string };

interface Vector {
  readonly id: string;
  readonly version: ProtocolVersion;
  readonly direction: "c2s" | "s2c" | "both";
  readonly bytes: Uint8Array;
}

export interface ValidVector extends Vector {
  readonly decoded: NeutralPacket;
}

export interface MalformedVector extends Vector {
  /** Whether the bytes alone show the defect, or only the role of the sender does. */
  readonly level: "codec" | "role";
  readonly why: string;
  /** Accepted reason codes, the preferred one first; none before MQTT 5. */
  readonly reasonCodes: readonly number[];
  /** The code in CONNACK on 3.1 and 3.1.1. */
  readonly connackReturnCode: number | undefined;
}

interface StoredVector {
  id: string;
  version: "3.1" | "3.1.1" | "5.0";
  direction: "c2s" | "s2c" | "both";
  hex: string;
  decoded: NeutralPacket;
  level: "codec" | "role";
  why: string;
  reasonCodes: string[] | null;
  connackReturnCode?: number;
}

const versions = { "3.1": 3, "3.1.1": 4, "5.0": 5 } as const;
const file = new URL("../../../../test/conformance/vectors.json", import.meta.url);
const stored = JSON.parse(readFileSync(file, "utf8")) as { valid: StoredVector[]; malformed: StoredVector[] };

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function common({ id, version, direction, hex }: StoredVector): Vector {
  return { id, version: versions[version], direction, bytes: fromHex(hex) };
}

export const validVectors: readonly ValidVector[] = stored.valid.map((vector) => ({
  ...common(vector),
  decoded: vector.decoded,
}));

export const malformedVectors: readonly MalformedVector[] = stored.malformed.map((vector) => ({
  ...common(vector),
  level: vector.level,
  why: vector.why,
  reasonCodes: (vector.reasonCodes ?? []).map(Number),
  connackReturnCode: vector.connackReturnCode,
}));
