/** A Dial to scripted peers: the server of a client in a test, with one peer for each connection. */

import type { ConnackPacket } from "../codec/packets.js";
import type { Clock } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import type { Transport } from "../platform/transport.js";
import type { MemoryPairOptions } from "../transport/memory-pair.js";
import { FakeClock } from "./fake-clock.js";
import { FaultyLink, type LinkFaults } from "./faulty-link.js";
import { ScriptedPeer } from "./scripted-peer.js";

/**
 * A server that a test controls packet by packet, for behaviour that no real server shows on request.
 *
 * @example
 * const clock = new FakeClock();
 * const server = new ScriptedServer(clock);
 * const client = createClient("mqtt://server", { platform: server.platform });
 * const [peer] = await Promise.all([server.accept(), client.connect()]);
 * client.publish("meter/1", "1042", { qos: 1 }).catch(report);
 * const { packetIdentifier } = await peer.expect("publish");
 * peer.send({ type: "puback", packetIdentifier, reasonCode: ReasonCode.QUOTA_EXCEEDED });
 */
export class ScriptedServer {
  /** The network to the server, for faults: `server.link.cut()`. */
  readonly link: FaultyLink;
  private readonly peers: ScriptedPeer[] = [];
  private waiting: ((peer: ScriptedPeer) => void)[] = [];

  /**
   * @param clock the clock of the connections
   * @param faults returns the faults of one connection; `attempt` counts from 0. Default: none
   */
  constructor(
    private readonly clock: Clock,
    faults: (attempt: number) => LinkFaults & MemoryPairOptions = () => ({}),
  ) {
    this.link = new FaultyLink(clock, (transport) => this.connected(transport), faults);
  }

  /** The option `dial`, for a client with a platform of its own. */
  get dial(): FaultyLink["dial"] {
    return this.link.dial;
  }

  /** The option `platform` for clients of this server. */
  get platform(): Platform {
    return this.link.platform;
  }

  /**
   * Waits for the next connection, expects CONNECT and answers with CONNACK, in the version of the CONNECT. Resolves to
   * the peer; its `received[0]` is the CONNECT. If the client reconnects only after a delay, write
   * `clock.until(server.accept())`.
   *
   * @param connack the fields that differ from a CONNACK that accepts, without a session and without properties
   * @throws Error if another packet arrives first, if the connection ends, or if CONNACK cannot be encoded in this
   * version
   * @example const peer = await server.accept({ sessionPresent: true, properties: { receiveMaximum: 10 } });
   */
  async accept(connack: Partial<Omit<ConnackPacket, "type">> = {}): Promise<ScriptedPeer> {
    const peer = await this.next();
    await peer.expect("connect");
    peer.send({ sessionPresent: false, reasonCode: 0, ...connack, type: "connack" });
    if (this.clock instanceof FakeClock) await this.clock.tick();
    return peer;
  }

  /** Resolves to the peer of the next connection that the test has not taken yet, before its CONNECT is answered. */
  async next(): Promise<ScriptedPeer> {
    if (this.clock instanceof FakeClock) await this.clock.tick();
    const peer = this.peers.shift();
    return peer ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  private connected(transport: Transport): void {
    const peer = new ScriptedPeer(transport, this.clock);
    const waiting = this.waiting.shift();
    if (waiting === undefined) this.peers.push(peer);
    else waiting(peer);
  }
}
