/** What MQTT-SN clients publish through the gateway's own connection: the spool accepts it, or QoS 0 is passed on. Knows no session. */

import type { DropReason } from "../../drop-reason.js";
import type { Outcome, Peer } from "../../pipeline/outcome.js";
import type { Intake } from "../../source/intake.js";
import type { SnMessage, SnOutcome } from "../gateway/sn-uplink.js";

export class Acceptance {
  private readonly peer: Peer;

  constructor(private readonly intake: Intake) {
    this.peer = { peer: intake.settings.id, port: 0 };
  }

  /** Whether the spool has messages of these clients: what is published now must not overtake them. */
  get hasSpooled(): boolean {
    const { parts, settings } = this.intake;
    return (parts.spool.statistics.sources[settings.id]?.spooled ?? 0) > 0;
  }

  /** Has the spool accept a message. Never rejects. */
  async accept({ topic, payload, qos, retain }: SnMessage): Promise<SnOutcome> {
    const records = [{ topic, payload, qos, retain }];
    const outcome: Outcome = {
      range: { from: 0, to: payload.length },
      fields: undefined,
      records,
      dropped: undefined,
      detail: undefined,
      bytes: undefined,
    };
    const [verdict] = (await this.intake.commit(() => this.peer, [outcome], false)) ?? [];
    switch (verdict) {
      case "accepted":
        return "accepted";
      case undefined:
      case "full":
      case "offline":
        return "congestion";
      default:
        return "refused";
    }
  }

  /** Counts a message that left by the client's own connection, or that the server has refused. */
  count(result: "out" | DropReason): void {
    const { parts, settings, traffic } = this.intake;
    parts.spool.count(settings.id, result);
    traffic.frame(result === "out" ? "accepted" : result);
  }
}
