/**
 * The commands of a source: messages of the server become what is written to a device, and what becomes of them becomes the result's message. Knows
 * nothing of wires and of frames.
 */

import type { Clock, Message, PublishOptions } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { CommandEncoder } from "../command/command-encoder.js";
import type { RequestResult } from "../command/request.js";
import { Failure } from "../failure.js";
import type { Pipeline } from "../pipeline/pipeline.js";
import type { DeviceWires } from "../source/device-wires.js";
import type { Traffic } from "../source/traffic.js";
import { hex } from "../text/hex.js";
import type { Inbound } from "../uplink/inbound.js";

/** What commands work with. */
export interface CommandParts {
  readonly source: string;
  readonly pipeline: Pipeline;
  readonly wires: DeviceWires;
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly log: Log;
  /** Publishes at QoS 1. Resolves when the server has acknowledged it, or when that is not possible. */
  publish(topic: string, payload: string, properties?: PublishOptions["properties"]): Promise<void>;
}

/** The result of a command, and what is said beside it. */
interface Outcome {
  readonly result: RequestResult;
  readonly detail: string | undefined;
}

/** What the gateway subscribes to for the commands of a source. */
export function commandInbounds(parts: CommandParts): readonly Inbound[] {
  return parts.pipeline.commands.map((encoder) => {
    const { qos, queue, hold, retained } = encoder.settings;
    /** Commands whose messages are not acknowledged: after a lost connection, the server sends them again. */
    const held = new Map<string, Promise<void>>();
    return {
      filter: encoder.topic.filter,
      qos,
      concurrency: hold ? queue : 1,
      async handle(message) {
        const captures = encoder.topic.match(message.topic);
        if (captures === undefined) return;
        if (message.retain && !retained) {
          parts.log.debug("a retained command is ignored", { source: parts.source, topic: message.topic });
          parts.traffic.request("command", "retained");
          return;
        }
        const key = hold ? keyOf(message) : "";
        const same = message.dup ? held.get(key) : undefined;
        if (same !== undefined) return same;
        const done = run(parts, encoder, captures, message).then((outcome) => report(parts, encoder, message, outcome));
        if (!hold) {
          done.catch((error: unknown) => parts.log.error(String(error), { source: parts.source }));
          return;
        }
        held.set(key, done);
        await done.finally(() => held.get(key) === done && held.delete(key));
      },
    };
  });
}

/** What a message and its repeat have in common. */
function keyOf({ topic, payload, properties: { correlationData } }: Message): string {
  return [topic, hex(payload), correlationData === undefined ? "" : hex(correlationData)].join("\0");
}

/** Resolves when the result is known. */
function run(
  { pipeline, wires, clock }: CommandParts,
  encoder: CommandEncoder,
  captures: ReadonlyMap<string, string>,
  { payload, properties }: Message,
): Promise<Outcome> {
  const encoded = encoder.encode(captures, payload);
  if (encoded instanceof Failure) return Promise.resolve(failed("encode", encoded.detail));
  const device = pipeline.deviceOf({ peer: "", port: 0 }, captures);
  const { bytes, answer } = encoded;
  const left = Math.min(encoder.settings.expiry, (properties.messageExpiryInterval ?? Infinity) * 1_000);
  return new Promise((resolve) => {
    wires.send(device, {
      kind: "command",
      bytes,
      answer,
      expiresAt: clock.now() + left,
      settle: (result) => resolve({ result, detail: undefined }),
    });
  });
}

function failed(reason: "encode" | "offline", detail: string): Outcome {
  return { result: { ok: false, reason, sent: 0 }, detail };
}

async function report(
  { source, traffic, log, publish }: CommandParts,
  { settings }: CommandEncoder,
  { topic, properties, dup }: Message,
  { result, detail }: Outcome,
): Promise<void> {
  traffic.request("command", result.ok ? "ok" : result.reason);
  if (!result.ok) log.warn("a command has failed", { source, topic, reason: result.reason, detail });
  // A server sends a message again if it does not know that it arrived, and a command without an answer is sent again: the device may have got it
  // more than once.
  const repeated = dup || result.sent > 1 ? { repeated: true } : {};
  const payload = JSON.stringify(
    result.ok
      ? {
          ok: true,
          ms: Math.round(result.ms),
          ...(result.answer && { answer: Object.fromEntries(result.answer) }),
          ...repeated,
        }
      : { ok: false, reason: result.reason, ...(detail && { detail }), ...repeated },
  );
  const { responseTopic, correlationData } = properties;
  const published: Promise<void>[] = [];
  if (settings.result !== undefined)
    published.push(
      publish(
        settings.result.replace("{topic}", () => topic),
        payload,
      ),
    );
  if (responseTopic !== undefined && isPlain(responseTopic)) {
    published.push(publish(responseTopic, payload, correlationData && { correlationData }));
  }
  await Promise.all(published);
}

/** A requester must not make the gateway publish into the server's own topics. */
function isPlain(topic: string): boolean {
  return topic !== "" && !topic.startsWith("$");
}
