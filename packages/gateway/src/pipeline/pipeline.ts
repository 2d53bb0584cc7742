import type { SpoolRecord } from "@aiko/mqtt-store";
import type { GatewaySettings, SourceSettings } from "../configuration/configuration.js";
import type { Outcome, Peer, Wire } from "./outcome.js";

export interface Pipeline {
  open(peer: Peer): Wire;
  answer(outcome: Outcome, verdict: string): string | undefined;
  deadLetter(outcome: Outcome): SpoolRecord | undefined;
}

export declare function createPipeline(
  source: SourceSettings,
  gateway: GatewaySettings,
  options: { wallTime(): number },
): Pipeline;
