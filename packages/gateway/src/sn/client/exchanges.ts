/**
 * The exchanges of a client with its gateway, one after the other [SN 6.5, 6.6, 6.9]: what waits, what is repeated and
 * how often, and when the gateway counts as lost. Knows no states: it asks whether an exchange may begin.
 */

import { ClosedError, type MqttError, OutboxError, TimeoutError, TransportError, UsageError } from "@aiko/mqtt";
import type { SnPacket } from "../packets.js";
import type { Exchange, Step } from "./exchange.js";

/** Is called once, with an error or without. */
export type Settle = (error: MqttError | undefined) => void;

/** An exchange and what depends on it. */
export interface Job {
  readonly exchange: Exchange;
  /** Returns why the exchange cannot begin now. */
  readonly problem: () => MqttError | undefined;
  /** Is called directly before the exchange begins. */
  readonly begins?: (() => void) | undefined;
  /** Is called when it has ended well, before `settle`. */
  readonly ended?: ((now: number) => void) | undefined;
  readonly settle: Settle;
}

export interface ExchangeLimits {
  /** Milliseconds after which a message without an answer is sent again, T_retry. */
  readonly retry: number;
  /** How often it is sent again, N_retry. */
  readonly retries: number;
  /** The most exchanges that wait. */
  readonly maximumQueue: number;
}

/** The exchange that is under way. */
interface Current {
  readonly job: Job;
  /** Milliseconds between two repetitions. */
  readonly pause: number;
  packet: SnPacket | undefined;
  /** How often the packet was sent. */
  sent: number;
  dueAt: number;
}

export class Exchanges {
  private readonly waiting: Job[] = [];
  private current: Current | undefined;

  /**
   * @param send returns false if the message is longer than allowed
   * @param lost is called when an exchange has no answer, before it fails
   */
  constructor(
    private readonly limits: ExchangeLimits,
    private readonly send: (packet: SnPacket, now: number) => boolean,
    private readonly lost: (error: MqttError) => void,
  ) {}

  get isIdle(): boolean {
    return this.current === undefined;
  }

  /** Begins the exchange when all before it have ended. */
  add(job: Job, now: number): void {
    const { exchange, settle } = job;
    const { maximumQueue } = this.limits;
    if (this.waiting.length >= maximumQueue) {
      const message = `${exchange.what}: ${maximumQueue} exchanges wait already; wait for their promises`;
      settle(new OutboxError("OUTBOX_FULL", message, { topic: exchange.topic, mayHaveArrived: false }));
      return;
    }
    this.waiting.push(job);
    this.next(now);
  }

  /** Begins the exchange before all that wait. Only if none is under way. */
  begin(job: Job, now: number, pause = this.limits.retry): void {
    job.begins?.();
    const current: Current = { job, pause, packet: undefined, sent: 0, dueAt: Infinity };
    this.current = current;
    this.follow(job.exchange.begin(), current, now);
  }

  /** Begins the exchanges that wait, until one of them needs an answer. */
  next(now: number): void {
    while (this.current === undefined) {
      const job = this.waiting.shift();
      if (job === undefined) return;
      const problem = job.problem();
      if (problem === undefined) this.begin(job, now);
      else job.settle(problem);
    }
  }

  /** Returns whether the packet belongs to the exchange under way. */
  receive(packet: SnPacket, now: number): boolean {
    const { current } = this;
    if (current === undefined) return false;
    const step = current.job.exchange.receive(packet);
    this.follow(step, current, now);
    return step.to !== "ignore";
  }

  /** The gateway works on the exchange under way: its answer is not late. */
  extend(now: number): void {
    const { current } = this;
    if (current === undefined) return;
    current.sent = 1;
    current.dueAt = now + current.pause;
  }

  deadline(): number {
    return this.current?.dueAt ?? Infinity;
  }

  advance(now: number): void {
    const { current } = this;
    if (current === undefined || now < current.dueAt) return;
    if (current.sent <= this.limits.retries) {
      this.sendAgain(current, now);
      return;
    }
    const { what, topic } = current.job.exchange;
    const message = `${what}: the gateway did not answer, although it was sent ${current.sent} times`;
    const error = new TimeoutError("ANSWER_TIMEOUT", message, { topic, mayHaveArrived: true });
    this.current = undefined;
    this.lost(error);
    current.job.settle(error);
    this.failWaiting(error);
  }

  /** Ends all exchanges. The one under way may have arrived. */
  fail(cause: ClosedError | TransportError): void {
    const { current } = this;
    this.current = undefined;
    if (current !== undefined) {
      const { exchange, settle } = current.job;
      const message = `${exchange.what}: ${cause.message}`;
      const facts = { cause, topic: exchange.topic, mayHaveArrived: true };
      const isClosed = cause instanceof ClosedError;
      settle(isClosed ? new ClosedError(cause.code, message, facts) : new TransportError(cause.code, message, facts));
    }
    this.failWaiting(cause);
  }

  private failWaiting(cause: MqttError): void {
    for (const { exchange, settle } of this.waiting.splice(0)) {
      const message = `${exchange.what}: was not sent, because the session has ended`;
      settle(new TransportError("CONNECTION_LOST", message, { cause, topic: exchange.topic, mayHaveArrived: false }));
    }
  }

  private follow(step: Step, current: Current, now: number): void {
    switch (step.to) {
      case "ignore":
        return;
      case "send":
        current.packet = step.packet;
        current.sent = 0;
        this.sendAgain(current, now);
        return;
      case "repeat":
        if (current.packet !== undefined) this.send(current.packet, now);
        return;
      case "finish":
        if (step.packet !== undefined && !this.send(step.packet, now)) this.tooLong(current);
        else this.end(current, now);
        return;
      case "fail":
        this.current = undefined;
        current.job.settle(step.error);
    }
  }

  private end({ job }: Current, now: number): void {
    this.current = undefined;
    job.ended?.(now);
    job.settle(undefined);
  }

  private sendAgain(current: Current, now: number): void {
    const { packet } = current;
    if (packet === undefined) return;
    const isRepeated = current.sent > 0 && (packet.type === "publish" || packet.type === "subscribe");
    if (!this.send(isRepeated ? { ...packet, dup: true } : packet, now)) {
      this.tooLong(current);
      return;
    }
    current.sent++;
    current.dueAt = now + current.pause;
  }

  private tooLong({ job }: Current): void {
    const { what, topic } = job.exchange;
    this.current = undefined;
    const message = `${what}: is longer than maximumDatagram; send less, or raise the option`;
    job.settle(new UsageError("PAYLOAD_INVALID", message, { option: "maximumDatagram", topic }));
  }
}
