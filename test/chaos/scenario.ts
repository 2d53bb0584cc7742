// What every scenario of the chaos run is told, and how one runs: whatever it comes to, what it started is ended.
import type { Outcome } from "./outcome.ts";

export interface ScenarioSettings {
  readonly qos: 1 | 2;
  readonly version: 4 | 5;
  readonly seed: number;
  /** Ends the faults early; what is under way is still brought to its end. */
  readonly signal: AbortSignal;
  /** The bundled client program. */
  readonly program: string;
}

export interface ScenarioRun {
  run(): Promise<Outcome>;
  /** Ends what the run started. */
  close(): Promise<void>;
}

export async function outcomeOf(scenario: ScenarioRun): Promise<Outcome> {
  try {
    return await scenario.run();
  } finally {
    await scenario.close();
  }
}
