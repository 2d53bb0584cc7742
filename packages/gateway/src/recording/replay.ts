/**
 * What `gateway replay` prints: what becomes of a recording, by the pipeline that the running gateway uses, at the times at which it was received.
 * Pure.
 */

import { type Codec, createCodec } from "../codec/codec.js";
import type { Configuration, SourceSettings } from "../configuration/configuration.js";
import { openAsked, WireExplanation } from "../pipeline/explain.js";
import type { Outcome, Wire } from "../pipeline/outcome.js";
import { createPipeline, type Pipeline } from "../pipeline/pipeline.js";
import { escaped } from "../text/shown.js";
import type { RecordedEvent, Recording } from "./recording.js";

/**
 * Shows what the gateway makes of a recording: the frames of all connections in the order in which they were complete, as `explain` shows them, and
 * their number at the end.
 *
 * @param source the source whose connections are replayed. Default: all
 * @returns the text in pieces, since it may be long
 * @throws Error if the configuration does not have a source of the recording
 */
export function replay(
  recording: Recording,
  { gateway, sources }: Pick<Configuration, "gateway" | "sources">,
  source?: string,
): Iterable<string> {
  let wall = recording.startedAt;
  const players = new Map<string, Player>();
  for (const event of recording.events) {
    if (event.kind !== "open" || players.has(event.source)) continue;
    if (source !== undefined && event.source !== source) continue;
    const settings = sources.find(({ id }) => id === event.source);
    if (settings === undefined) {
      const ids = sources.map(({ id }) => id).join(", ");
      throw new Error(`the recording has the source ${event.source}, the configuration only ${ids}; pass --source ID`);
    }
    const pipeline = createPipeline(settings, gateway, { wallTime: () => wall });
    players.set(event.source, { settings, pipeline, codec: createCodec(settings.decode, settings.encoding) });
  }
  if (source !== undefined && !players.has(source))
    throw new Error(`the recording has nothing of the source ${source}`);
  return lines(recording, players, (at) => {
    wall = recording.startedAt + Math.floor(at);
  });
}

/** What is made once for each source. */
interface Player {
  readonly settings: SourceSettings;
  readonly pipeline: Pipeline;
  readonly codec: Codec;
}

interface Connection {
  readonly title: string;
  readonly wire: Wire;
  readonly explanation: WireExplanation;
  /** How many bytes came, and how many of them before the last end. */
  received: number;
  ended: number;
}

function* lines(
  { events }: Recording,
  players: ReadonlyMap<string, Player>,
  setTime: (at: number) => void,
): Generator<string> {
  const bytes = bytesOf(events);
  const connections = new Map<number, Connection>();
  const tally = new Tally();
  let shown: Connection | undefined;
  const print = function* (connection: Connection, outcomes: readonly Outcome[]): Generator<string> {
    tally.add(outcomes);
    const { explanation, ended } = connection;
    const text = [...explanation.outcomes(outcomes), ...explanation.rest(ended)];
    if (text.length === 0) return;
    if (connection !== shown) yield `${connection.title}\n`;
    shown = connection;
    yield `${text.join("\n")}\n`;
  };
  for (const event of events) {
    setTime(event.at);
    if (event.kind === "open") {
      const player = players.get(event.source);
      if (player === undefined) continue;
      connections.set(event.connection, connect(event, player, bytes.get(event.connection) ?? NO_BYTES));
      continue;
    }
    const connection = connections.get(event.connection);
    if (connection === undefined) continue;
    if (event.kind === "data") connection.received += event.bytes.length;
    if (event.kind === "end") connection.ended = connection.received;
    yield* print(connection, happen(connection.wire, event));
  }
  // The recording has ended before these connections did.
  const end = events.at(-1)?.at ?? 0;
  for (const connection of connections.values()) {
    if (connection.ended === connection.received) continue;
    connection.ended = connection.received;
    yield* print(connection, connection.wire.end(end));
  }
  yield `${tally.text}\n`;
}

const NO_BYTES = new Uint8Array(0);

function happen(wire: Wire, event: Exclude<RecordedEvent, { kind: "open" }>): Outcome[] {
  if (event.kind === "data") return wire.push(event.bytes, event.at);
  if (event.kind === "end") return wire.end(event.at);
  const deadline = wire.deadline();
  const isDue = Math.abs(deadline - event.at) < TICK;
  return wire.advance(isDue ? deadline : event.at);
}

/** Milliseconds by which a time may differ from the one that was recorded, because it was rounded. */
const TICK = 0.01;

function connect(
  { connection, source, peer, at }: Extract<RecordedEvent, { kind: "open" }>,
  { settings, pipeline, codec }: Player,
  bytes: Uint8Array,
): Connection {
  const address = peer.peer === source ? "" : `, peer ${escaped(peer.peer)}`;
  const topic = peer.topic === undefined ? "" : `, topic ${escaped(peer.topic)}`;
  return {
    title: `connection ${connection} of ${escaped(source)}${address}${topic}, opened at ${(at / 1_000).toFixed(3)} s`,
    wire: openAsked(pipeline, peer),
    explanation: new WireExplanation(settings, pipeline, codec, peer, bytes),
    received: 0,
    ended: 0,
  };
}

/** All bytes of each connection. */
function bytesOf(events: readonly RecordedEvent[]): ReadonlyMap<number, Uint8Array> {
  const sizes = new Map<number, number>();
  for (const event of events) {
    if (event.kind !== "data") continue;
    sizes.set(event.connection, (sizes.get(event.connection) ?? 0) + event.bytes.length);
  }
  const found = new Map([...sizes].map(([connection, size]) => [connection, new Uint8Array(size)]));
  const ends = new Map<number, number>();
  for (const event of events) {
    if (event.kind !== "data") continue;
    const at = ends.get(event.connection) ?? 0;
    found.get(event.connection)?.set(event.bytes, at);
    ends.set(event.connection, at + event.bytes.length);
  }
  return found;
}

/** What became of all frames, in numbers. */
class Tally {
  private frames = 0;
  private records = 0;
  private readonly dropped = new Map<string, number>();

  add(outcomes: readonly Outcome[]): void {
    for (const { records, dropped } of outcomes) {
      this.frames++;
      this.records += records.length;
      if (dropped !== undefined) this.dropped.set(dropped, (this.dropped.get(dropped) ?? 0) + 1);
    }
  }

  get text(): string {
    const reasons = [...this.dropped].map(([reason, count]) => `, dropped "${reason}": ${count}`).join("");
    return `frames: ${this.frames}, records: ${this.records}${reasons}`;
  }
}
