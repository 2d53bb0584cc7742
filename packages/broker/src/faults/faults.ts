/** The faults of a broker: a test adds and removes them, and each connection asks for them. */

import { type Clock, type Transport, UsageError } from "@aiko/mqtt";
import type { PacketType } from "@aiko/mqtt/codec";
import { ActiveFault, type Fault, type FaultAction, type FaultTarget, type PacketOnItsWay } from "./fault.js";
import { FaultyTransport } from "./faulty-transport.js";

/** The packets that a server can refuse. */
const REFUSABLE: readonly PacketType[] = ["connect", "publish", "subscribe", "unsubscribe"];
const LONGEST_DELAY = 2 ** 31 - 1;
const MOST_REASON_CODE = 0xff;

/**
 * Faults on the connections of a broker, for tests. Pass it as the option `faults` of `Broker.listen`. Then add and
 * remove faults at any time; they also affect connections that exist. If several faults match a packet, the one that
 * was added first affects it. With this option, the broker receives a packet only when it is complete, so do not use it
 * outside of tests.
 *
 * @example
 * const faults = new Faults();
 * await using broker = await Broker.listen({ port: 0, faults });
 * const lost = faults.drop({ client: "kitchen", packet: "puback", times: 1 });
 * // … the client publishes, and resends …
 * console.log(lost.count); // 1
 */
export class Faults {
  private active: readonly ActiveFault[] = [];

  /** Drops packets: the other side never receives them. */
  drop(target: FaultTarget = {}): Fault {
    return this.add({ kind: "drop" }, target);
  }

  /** Passes packets on twice. */
  duplicate(target: FaultTarget = {}): Fault {
    return this.add({ kind: "duplicate" }, target);
  }

  /** Closes the connection instead of passing a packet on. To close it at packet N, set `skip` to N - 1. */
  close(target: FaultTarget = {}): Fault {
    return this.add({ kind: "close" }, target);
  }

  /**
   * Delays packets. Later packets of the same connection and direction wait behind them.
   *
   * @param milliseconds 0 … 2,147,483,647, by the broker's clock
   */
  delay(milliseconds: number, target: FaultTarget = {}): Fault {
    if (!Number.isInteger(milliseconds) || milliseconds < 0 || milliseconds > LONGEST_DELAY)
      throw wrong("milliseconds", `must be an integer from 0 to ${LONGEST_DELAY}`);
    return this.add({ kind: "delay", milliseconds }, target);
  }

  /**
   * Answers CONNECT, PUBLISH, SUBSCRIBE and UNSUBSCRIBE with a reason code; the broker does not receive them. A refused
   * CONNECT ends the connection. Before MQTT 5, CONNACK has the code as its return code, SUBACK has 0x80 (3.1.1), and
   * other packets are acknowledged without effect.
   *
   * @param reasonCode 1 … 255. If the answer cannot carry it, it has 0x80, or return code 3 before MQTT 5
   */
  refuse(reasonCode: number, target: FaultTarget = {}): Fault {
    if (!Number.isInteger(reasonCode) || reasonCode < 1 || reasonCode > MOST_REASON_CODE)
      throw wrong("reasonCode", `must be an integer from 1 to ${MOST_REASON_CODE}`);
    if (target.direction === "sent")
      throw wrong("direction", 'must be "received": the broker refuses what it receives');
    return this.add({ kind: "refuse", reasonCode }, { ...target, direction: "received" }, REFUSABLE);
  }

  /** Removes all faults. */
  clear(): void {
    this.active = [];
  }

  /** Wraps the transport of a connection. The broker calls it. */
  wrap(transport: Transport, clock: Clock): Transport {
    return new FaultyTransport(transport, clock, (packet) => this.actionFor(packet));
  }

  private add(action: FaultAction, target: FaultTarget, affected?: readonly PacketType[]): Fault {
    const remove = (removed: ActiveFault): void => {
      this.active = this.active.filter((each) => each !== removed);
    };
    const fault = new ActiveFault(action, target, remove, affected);
    this.active = [...this.active, fault];
    return fault;
  }

  private actionFor(packet: PacketOnItsWay): FaultAction | undefined {
    return this.active.find((fault) => fault.hits(packet))?.action;
  }
}

function wrong(option: string, rule: string): UsageError {
  return new UsageError("OPTION_INVALID", `${option}: ${rule}`, { option });
}
