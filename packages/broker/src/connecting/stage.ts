/** The stages of a connection: it waits for CONNECT, waits for the decision, is admitted as a client, or is over. */

import type { AcceptedPackets } from "./accepted-packets.js";
import type { AdmittedClient } from "./reception.js";

export interface Admitted<Connection> {
  readonly at: "admitted";
  readonly accepted: AcceptedPackets;
  readonly client: AdmittedClient<Connection>;
}

export type Stage<Connection> =
  | { readonly at: "waiting" }
  | { readonly at: "deciding"; readonly accepted: AcceptedPackets }
  | Admitted<Connection>
  | { readonly at: "over" };
