// Shared by the conformance tests of MQTT 5.0: a client on a fake clock, and the bytes of its packets in hexadecimal.
import type { Client, ConnectOptions } from "@aiko/mqtt";
import type { ConnackPacket } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { expect } from "vitest";
import { Bench, type RecordedEvents, watch } from "../../packages/mqtt/test/client/bench.ts";
import { fromHex, toHex } from "../../packages/mqtt/test/codec/vectors.ts";

/** Hexadecimal for comparison: without the spaces that make it readable. */
export function hex(text: string): string {
  return text.replaceAll(/\s/g, "");
}

export function utf8(text: string): string {
  return toHex(new TextEncoder().encode(text));
}

/** A string preceded by its length. */
export function field(content: string): string {
  const bytes = hex(content);
  return (bytes.length / 2).toString(16).padStart(4, "0") + bytes;
}

/** A packet whose remaining length is computed here; for bodies below 128 bytes. */
export function packet(first: string, body: string): string {
  const bytes = hex(body);
  return first + (bytes.length / 2).toString(16).padStart(2, "0") + bytes;
}

export class Wire {
  readonly events: RecordedEvents;
  private mark: number;

  constructor(
    readonly bench: Bench,
    readonly client: Client,
    public peer: ScriptedPeer,
  ) {
    this.events = bench.recordEvents(client);
    this.mark = peer.bytes.length;
  }

  /** What the client has sent since the last call. */
  async sent(): Promise<string> {
    await this.bench.clock.tick();
    const { bytes } = this.peer;
    const from = this.mark;
    this.mark = bytes.length;
    return toHex(bytes.subarray(from));
  }

  /** The client's answer to these bytes of the server. */
  async answerTo(...bytes: string[]): Promise<string> {
    this.say(...bytes);
    return this.sent();
  }

  say(...bytes: string[]): void {
    for (const each of bytes) this.peer.send(fromHex(each));
  }

  /**
   * The server's bytes are answered with DISCONNECT with this code, the connection is closed, and the application gets
   * the error.
   */
  async expectRefusal(bytes: string, reasonCode: number): Promise<void> {
    await this.sent();
    const before = this.events.length;
    expect(await this.answerTo(bytes), bytes).toBe(`e001${reasonCode.toString(16)}`);
    await this.bench.clock.advance(99);
    expect(this.peer.isClosed, bytes).toBe(true);
    const error = expect.objectContaining({ name: "ProtocolError", reasonCode });
    expect(this.events[before], bytes).toEqual({ name: "disconnected", value: { error } });
  }

  /** The call is a UsageError and nothing is sent. */
  async expectUsageError(call: (client: Client) => Promise<unknown>): Promise<void> {
    await this.sent();
    const outcome = watch(call(this.client));
    expect(await this.sent()).toBe("");
    expect(outcome.error).toMatchObject({ name: "UsageError" });
  }

  /** Cuts the connection and accepts the next; returns what the client sends over it after CONNECT. */
  async reconnect(connack: Partial<ConnackPacket> = { sessionPresent: true }): Promise<string> {
    this.peer.cut();
    this.peer = await this.bench.acceptAgain(connack);
    this.mark = 2 + (this.peer.bytes[1] ?? 0);
    return this.sent();
  }
}

/** A connected client. */
export async function connected(
  options: ConnectOptions = {},
  connack: Partial<ConnackPacket> = {},
  bench = new Bench(),
): Promise<Wire> {
  const { client, peer } = await bench.online(options, connack);
  return new Wire(bench, client, peer);
}

/** The CONNECT of a client with these options. */
export async function connectOf(options: ConnectOptions): Promise<string> {
  const { peer } = await new Bench().online(options);
  return toHex(peer.bytes);
}

/** The promises of calls whose outcome the test does not check. */
export function started(...calls: Promise<unknown>[]): void {
  for (const call of calls) call.catch(() => undefined);
}
