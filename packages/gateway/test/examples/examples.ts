/** The example devices of examples/gateway: a configuration, what the device sent as a recording, and what `gateway replay` prints of it. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { problemText } from "@aiko/mqtt-configuration";
import { root } from "../../../../test/house/source.ts";
import type { Configuration, SourceSettings } from "../../src/configuration/configuration.ts";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";
import type { Fields, Outcome, Wire } from "../../src/pipeline/outcome.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { type RecordedEvent, type Recording, readRecording } from "../../src/recording/recording.ts";

const folder = join(root, "examples/gateway");

export interface Example {
  readonly name: string;
  readonly folder: string;
  /** The configuration's text. */
  readonly text: string;
  readonly configuration: Configuration;
  /** The only one. */
  readonly source: SourceSettings;
  readonly recording: Recording;
  /** What replay prints. */
  readonly golden: string;
}

export const examples: readonly Example[] = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => read(name));

function read(name: string): Example {
  const file = (each: string): string => join(folder, name, each);
  const text = readFileSync(file("gateway.toml"), "utf8");
  const { configuration, problems } = readConfiguration(text, {
    file: file("gateway.toml"),
    environment: {},
    readFile: () => "",
  });
  if (configuration === undefined) throw new Error(problems.map(problemText).join("\n"));
  const { recording, problem } = readRecording(readFileSync(file("recording.jsonl"), "utf8"));
  if (recording === undefined) throw new Error(`${name}: ${problem}`);
  const [source] = configuration.sources;
  if (source === undefined) throw new Error(`${name}: there is no source`);
  const golden = readFileSync(file("replay.txt"), "utf8");
  return { name, folder: join(folder, name), text, configuration, source, recording, golden };
}

/** The bytes that came, in the order in which they came. */
export function piecesOf({ recording }: Example): Uint8Array[] {
  return recording.events.flatMap((event: RecordedEvent) => (event.kind === "data" ? [event.bytes] : []));
}

/** What becomes of the frames of the recording. */
export function outcomesOf({ configuration, source, recording }: Example): Outcome[] {
  const pipeline = createPipeline(source, configuration.gateway, { wallTime: () => recording.startedAt });
  const wires = new Map<number, Wire>();
  return recording.events.flatMap((event) => {
    if (event.kind === "open") wires.set(event.connection, pipeline.open(event.peer));
    const wire = wires.get(event.connection);
    if (event.kind === "data") return wire?.push(event.bytes, event.at) ?? [];
    if (event.kind === "timeout") return wire?.advance(event.at) ?? [];
    return (event.kind === "end" && wire?.end(event.at)) || [];
  });
}

/** The fields of all frames that were decoded. */
export function fieldsOf(example: Example): Fields[] {
  return outcomesOf(example).flatMap(({ fields }) => (fields === undefined ? [] : [fields]));
}
