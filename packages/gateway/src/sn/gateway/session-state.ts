/** The states of a client's session [SN 6.14, figure 4], and how long a client may be silent in each. */

/** The state of a session. */
export type SessionState =
  /** The client is asked for its will, or the server is asked for the connection. */
  | { readonly at: "connecting" }
  | { readonly at: "active" }
  /** @property sleep the milliseconds of the client's DISCONNECT */
  | { readonly at: "asleep"; readonly sleep: number }
  /** The client receives what has waited. */
  | { readonly at: "awake"; readonly sleep: number }
  /** The client, the server or the gateway has ended it. */
  | { readonly at: "disconnected" }
  /** The client was silent for too long. */
  | { readonly at: "lost" };

/** The names of the states. */
export const SESSION_STATES = ["connecting", "active", "asleep", "awake", "disconnected", "lost"] as const;

const MINUTE = 60_000;

/** Milliseconds of silence after which a client is lost: half as long again, or a tenth beyond a minute [SN 7.2]. */
export function toleranceOf(duration: number): number {
  return duration * (duration <= MINUTE ? 1.5 : 1.1);
}

/** Milliseconds that one delivery to a sleeping client may take, so that its battery lasts. */
export function budgetOf(sleep: number): number {
  return sleep / 2;
}
