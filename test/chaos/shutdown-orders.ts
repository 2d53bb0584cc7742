// The orders of a process of the shutdown scenario.

export interface LifeOrders {
  readonly url: string;
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly directory: string;
  readonly seed: number;
  /** Clients that are created one after the other, each shut down at a random moment. */
  readonly lives: number;
  /** One more client after them, which is shut down when a second line arrives. */
  readonly last: boolean;
  /** The first number to publish. */
  readonly from: number;
}

/** Followed by the QoS: `work/1`. */
export const WORK_TOPIC = "work";
export const REPLY_TOPIC = "reply";
export const OWN_TOPIC = "own";
