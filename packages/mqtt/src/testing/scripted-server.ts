/** A Dial that leads to scripted peers: what a client connects to in a test, one peer for each connection it opens. */

import type { Clock } from "../platform/clock.js";
import type { Transport } from "../platform/transport.js";
import type { MemoryPairOptions } from "../transport/memory-pair.js";
import { FakeClock } from "./fake-clock.js";
import { FaultyLink, type LinkFaults } from "./faulty-link.js";
import { ScriptedPeer } from "./scripted-peer.js";

export class ScriptedServer {
  readonly link: FaultyLink;
  private readonly peers: ScriptedPeer[] = [];
  private waiting: ((peer: ScriptedPeer) => void)[] = [];

  /** @param faults is asked once per connection; `attempt` counts from 0 */
  constructor(
    private readonly clock: Clock,
    faults: (attempt: number) => LinkFaults & MemoryPairOptions = () => ({}),
  ) {
    this.link = new FaultyLink(clock, (transport) => this.accept(transport), faults);
  }

  get dial(): FaultyLink["dial"] {
    return this.link.dial;
  }

  /** The peer of the next connection that nobody has accepted yet. */
  async next(): Promise<ScriptedPeer> {
    if (this.clock instanceof FakeClock) await this.clock.tick();
    const peer = this.peers.shift();
    return peer ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  private accept(transport: Transport): void {
    const peer = new ScriptedPeer(transport, this.clock);
    const waiting = this.waiting.shift();
    if (waiting === undefined) this.peers.push(peer);
    else waiting(peer);
  }
}
