// The settings and the report of each program, by its file name. Contains types only: no program loads this file.
import type { Direction, Note } from "../case.ts";
import type { ClientName } from "../clients/client.ts";

type Port = { port: number };
type Speed = { rate: number; processor: number };

export type Settings = {
  codec: { client: "aiko" | "mqtt-packet"; size: number; milliseconds: number };
  connections: Port & { client: ClientName; count: number; atOnce: number; rest: number };
  hostile: Port & { count: number };
  large: Port & { client: ClientName; direction: Direction };
  latency: Port & { client: ClientName; seconds: number };
  limits: Port & { client: "encoder" | "ready-made" | "parser"; count: number; size: number };
  "many-clients": Port & { client: ClientName; clients: number; count: number };
  processor: Port & { client: ClientName; direction: Direction | "feed"; count: number; size: number };
  throughput: Port & {
    client: ClientName;
    direction: Direction | "durable";
    qos: 0 | 1 | 2;
    count: number;
    size: number;
    inflight?: number | undefined;
    subscriptions?: number;
    directory?: string | undefined;
  };
};

export type Reports = {
  codec: { encode: number; decode: number; decodeSingle: number };
  connections: { rate: number; kilobytes: number };
  hostile: Record<string, never>;
  large: { seconds: number; memory: number };
  latency: Record<string, number>;
  limits: Speed;
  "many-clients": Speed;
  processor: Speed;
  throughput: Speed & { note?: Note };
};

export type ProgramName = keyof Settings;
/** The default port is the endpoint's. */
export type Given<Name extends ProgramName> = Omit<Settings[Name], "port"> & Partial<Port>;
