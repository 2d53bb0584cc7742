// The arguments of every scenario of the chaos run, and how one runs: whatever its result, everything that it started
// is ended.
import type { Outcome } from "./outcome.ts";

export interface ScenarioSettings {
  readonly qos: 1 | 2;
  readonly version: 4 | 5;
  readonly seed: number;
  /** Ends the faults early; pending work is still completed. */
  readonly signal: AbortSignal;
  /** The bundled client program. */
  readonly program: string;
}

export interface ScenarioRun {
  run(): Promise<Outcome>;
  /** Ends everything that the run started. */
  close(): Promise<void>;
}

export async function outcomeOf(scenario: ScenarioRun): Promise<Outcome> {
  try {
    return await scenario.run();
  } finally {
    await scenario.close();
  }
}
