/** A source to which devices send UDP datagrams. Each datagram is framed alone. */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { UdpSettings } from "../configuration/configuration.js";
import type { Peer, Wire } from "../pipeline/outcome.js";
import { AllowList } from "./allow-list.js";
import type { Asker } from "./asker.js";
import { DatagramIntake } from "./datagram-intake.js";
import { Health } from "./health.js";
import type { Intake } from "./intake.js";
import { type BoundTo, kernelDrops, RECEIVE_BUFFER } from "./kernel-drops.js";
import { type Attempt, Reopening } from "./reopening.js";
import type { Source, SourceStatus } from "./source.js";

/** The cost of datagrams that wait to be accepted. Further ones are dropped: the sender cannot be stopped. */
const MOST_WAITING = 2 ** 20;
/** Bytes of answers that may wait in the socket. */
const MOST_UNSENT = 2 ** 16;

interface Sender {
  readonly peer: Peer;
  readonly wire: Wire;
  readonly asker: Asker | undefined;
}

export class UdpSource implements Source {
  private readonly health: Health;
  private readonly reopening: Reopening;
  private readonly allowed: AllowList;
  private readonly datagrams: DatagramIntake;
  private socket: Socket | undefined;
  private bound: BoundTo | undefined;
  /** By address and port, the least recently seen first. */
  private readonly senders = new Map<string, Sender>();

  constructor(
    private readonly settings: UdpSettings,
    private readonly intake: Intake,
  ) {
    const { clock, log } = intake.parts;
    this.health = new Health(settings.id, log, intake.parts.condition);
    this.allowed = new AllowList(settings.allow);
    this.datagrams = new DatagramIntake(intake, false);
    this.reopening = new Reopening(this.health, clock, (attempt) => this.open(attempt));
  }

  get status(): SourceStatus {
    const status = this.health.status(this.senders.size);
    const drops = this.bound && kernelDrops(this.bound);
    return drops === undefined ? status : { ...status, kernelDrops: drops };
  }

  start(): Promise<void> {
    return this.reopening.start();
  }

  async stop(): Promise<void> {
    this.reopening.stop();
    const { socket } = this;
    socket?.removeAllListeners("message");
    await this.intake.stop();
    await this.datagrams.close();
    for (const sender of this.senders.values()) this.forget(sender);
    this.socket = undefined;
    this.bound = undefined;
    await new Promise<void>((resolve) => (socket === undefined ? resolve() : socket.close(() => resolve())));
  }

  private open(attempt: Attempt): void {
    const { listen, multicast } = this.settings;
    const isV6 = isIPv6(listen.host) || (listen.host === "" && multicast !== undefined && isIPv6(multicast));
    const socket = createSocket({
      type: isV6 ? "udp6" : "udp4",
      reuseAddr: multicast !== undefined,
      recvBufferSize: RECEIVE_BUFFER,
    });
    const failed = (error: Error): void => {
      if (this.socket === socket) {
        this.socket = undefined;
        this.bound = undefined;
      }
      socket
        .removeAllListeners()
        .on("error", () => {})
        .close();
      attempt.closed(error.message);
    };
    socket.on("error", failed);
    socket.on("message", (bytes, from) => void this.receive(bytes, from, socket));
    socket.bind({ port: listen.port, address: listen.host === "" ? undefined : listen.host, exclusive: true }, () => {
      if (this.socket !== socket) return; // the source was stopped meanwhile
      try {
        if (multicast !== undefined) socket.addMembership(multicast);
      } catch (error) {
        failed(error as Error);
        return;
      }
      const { address, port } = socket.address();
      this.bound = { address, port };
      attempt.opened(`udp://${isIPv6(address) ? `[${address}]` : address}:${port}`);
    });
    this.socket = socket;
  }

  private async receive(bytes: Uint8Array, from: RemoteInfo, socket: Socket): Promise<void> {
    const { settings, intake, datagrams } = this;
    if (!this.allowed.allows(from.address)) {
      intake.parts.log.debug("a datagram was refused: its address is not in allow", { source: settings.id });
      return;
    }
    if (datagrams.cost > MOST_WAITING || !intake.parts.budget.hasRoom) {
      intake.drop("full", "more datagrams came than could be accepted");
      return;
    }
    const { peer, wire, asker } = this.sender(from);
    const received = datagrams.receive(wire, peer, bytes);
    asker?.run(); // the datagram may have been an answer
    const settled = await received;
    if (asker !== undefined && settled !== undefined) intake.heard(peer, settled.outcomes, asker);
    if (settled === undefined || this.socket !== socket) return;
    const answer = intake.answer(peer, settled.outcomes, settled.verdicts);
    if (answer !== undefined) this.send(socket, from, answer);
  }

  /** Returns whether there was room for it. */
  private send(socket: Socket, { address, port }: RemoteInfo, bytes: Uint8Array): boolean {
    const { log } = this.intake.parts;
    if (socket.getSendQueueSize() > MOST_UNSENT) return false; // a lost answer is repeated like a lost datagram
    this.intake.traffic.send(bytes.length);
    socket.send(bytes, port, address, (error) => {
      if (error) log.debug("an answer was not sent", { source: this.settings.id, error: error.message });
    });
    return true;
  }

  private sender(from: RemoteInfo): Sender {
    const { address, port } = from;
    const key = `${address} ${port}`;
    const peer: Peer = { peer: address, port: this.settings.listen.port };
    const sender = this.senders.get(key) ?? this.opened(peer, from);
    this.senders.delete(key);
    this.senders.set(key, sender);
    if (this.senders.size > this.settings.maxSenders) {
      for (const [least, each] of this.senders) {
        this.forget(each);
        this.senders.delete(least);
        break;
      }
    }
    return sender;
  }

  private opened(peer: Peer, from: RemoteInfo): Sender {
    const asker = this.intake.asker(
      "full",
      (bytes) => this.socket !== undefined && this.send(this.socket, from, bytes),
    );
    if (asker !== undefined) this.intake.wires.opened(asker);
    return { peer, asker, wire: this.intake.pipeline.open(peer, asker?.requests) };
  }

  private forget({ asker }: Sender): void {
    if (asker === undefined) return;
    this.intake.wires.closed(asker);
    asker.close();
  }
}
