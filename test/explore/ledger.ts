// The requests of the applications and their results: every message, its outcome, and each of its arrivals. Knows
// nothing of sessions.
import type { QoS } from "@aiko/mqtt/codec";

export interface Arrival {
  /** The number of the client's process. */
  readonly process: number;
  /** Whether the handler has finished. */
  handled: boolean;
}

export interface SentMessage {
  readonly name: string;
  readonly direction: "up" | "down";
  readonly qos: QoS;
  /** The client's process when it was published. */
  readonly process: number;
  /**
   * "ok", or an error's code; undefined while it is pending. For a message from the server: whether it was accepted for
   * the client.
   */
  outcome: string | undefined;
  /** Set when nobody can learn the outcome, because the process was killed; "kept" if a store has the message. */
  orphan: "kept" | "gone" | undefined;
  readonly arrivals: Arrival[];
}

export class Ledger {
  readonly messages: SentMessage[] = [];
  /** The names of messages at their first arrival, by direction and QoS, in order. */
  readonly firsts = new Map<string, SentMessage[]>();
  private readonly byName = new Map<string, SentMessage>();

  sent(direction: "up" | "down", qos: QoS, process: number, note = ""): SentMessage {
    const before = this.messages.filter((each) => each.direction === direction && each.qos === qos).length;
    const name = `${direction}/${qos}/${note}${before + 1}`;
    const arrivals: Arrival[] = [];
    const message: SentMessage = { name, direction, qos, process, outcome: undefined, orphan: undefined, arrivals };
    this.messages.push(message);
    this.byName.set(name, message);
    return message;
  }

  arrived(name: string, process: number): Arrival {
    const message = this.byName.get(name);
    if (message === undefined) throw new Error(`bug: "${name}" arrived and was never sent`);
    const arrival = { process, handled: false };
    if (message.arrivals.length === 0) {
      const lane = `${message.direction}/${message.qos}`;
      this.firsts.set(lane, [...(this.firsts.get(lane) ?? []), message]);
    }
    message.arrivals.push(arrival);
    return arrival;
  }

  /** The process was killed. @param kept whether its store still exists */
  killed(process: number, kept: boolean): void {
    for (const message of this.messages) {
      if (message.direction === "down" || message.process > process) continue;
      if (message.outcome === undefined && message.orphan !== "gone")
        message.orphan = kept && message.qos > 0 ? "kept" : "gone";
    }
  }

  /** Its whole content as text. */
  get summary(): string {
    const arrivals = (each: SentMessage) => each.arrivals.map((one) => `${one.process}${one.handled}`);
    return this.messages
      .map((each) => `${each.name}${each.process}${each.outcome}${each.orphan}${arrivals(each)}`)
      .join();
  }
}
