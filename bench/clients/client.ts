// What the benchmark programs call on an MQTT client: ours or a peer. Types only: no program loads this file.
import type { Note } from "../case.ts";

export type ClientName = "aiko" | "mqttjs" | "awscrt" | "raw-socket" | "raw-connect";
export type QoS = 0 | 1 | 2;

export type OpenOptions = {
  /** Of a durable session. */
  directory?: string | undefined;
  /** Seconds. */
  keepAlive?: number;
  maximumPacketSize?: number;
};

export type Client = {
  publish(topic: string, payload: Buffer, qos: QoS): Promise<unknown>;
  /** Leave out `onMessage` if no message is expected. */
  subscribe(filters: string[], qos: QoS, onMessage?: (payload: Uint8Array) => void): Promise<unknown>;
  note?(): Note | undefined;
  close(): Promise<unknown>;
};

/** A raw connection, which sends no MQTT packets after it is open. */
export type RawConnection = { close(): void };
