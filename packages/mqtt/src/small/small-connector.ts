/**
 * Connects a small client and keeps it connected: chooses the server, and decides when to retry and when to stop. Owns
 * the network connection; knows nothing of messages.
 */

import type { ClientEvents } from "../client/client-events.js";
import { isFinal, PERHAPS_FOR_NOW } from "../client/connecting/connack-refusals.js";
import { ReconnectPolicy } from "../client/connecting/reconnect-policy.js";
import type { ConnackPacket, DisconnectPacket } from "../codec/packets.js";
import {
  ClosedError,
  MqttError,
  type ProtocolError,
  type RefusedError,
  TimeoutError,
  TransportError,
  toMqttError,
} from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import { SESSION_TAKEN_OVER, UNSPECIFIED_ERROR } from "../reason-code.js";
import { connectPacket, disconnectPacket } from "./client-packets.js";
import { PacketReader } from "./packet-reader.js";
import { invalid } from "./packet-writer.js";
import { fault, refusal } from "./reason-rules.js";
import { SmallConnection } from "./small-connection.js";
import { onAbort, type SmallServer, type SmallSettings } from "./small-options.js";
import type { SmallSession, Wire } from "./small-session.js";

type Emit = <Name extends "disconnected" | "reconnecting">(name: Name, value: ClientEvents[Name]) => void;

/** One attempt and, if it succeeds, the life of its connection. */
interface Link {
  readonly server: SmallServer;
  connection?: SmallConnection;
  /** Whether CONNECT asked for a clean start. */
  cleanStart?: boolean;
  /** Whether the server is ending a session that was not this client's. CONNECT is then sent again. */
  parting?: boolean;
  timer: Timer;
  /** Settles the attempt; undefined once CONNACK has accepted. */
  answer: { resolve(connack: ConnackPacket): void; reject(error: MqttError): void } | undefined;
  /** Aborts dialling. */
  readonly abort: AbortController;
}

/**
 * In milliseconds: how often the session's deadline, which may move, is checked; the least time between the attempts
 * that wake-ups cause.
 */
const LOOK_AGAIN = 60_000;
const WAKE_INTERVAL = 1_000;
/**
 * Milliseconds that a server may take to end a session. `MOST_FOREIGN` is how many such sessions in a row lead to a
 * clean start.
 */
const PARTING = 1_000;
/** Milliseconds after which Linux stops resending unacknowledged TCP data (tcp_retries2, 924.6 s), rounded up. */
const LONGEST_DELAY = 930_000;
const MOST_REMEMBERED = 100;
/**
 * For this many milliseconds after the first CONNECT, delayed CONNECTs of an earlier process may take over the session.
 * `MOST_UNEXPLAINED` limits how often.
 */
const YOUNG = 60_000;
const MOST_UNEXPLAINED = 3;
const MOST_FOREIGN = 2;

// The states of a connector. Numbers take fewer bytes than words.
const IDLE = 0;
const STARTED = 1;
const STOPPED = 2;

export class SmallConnector implements Wire {
  readonly #settings: SmallSettings;
  readonly #platform: Platform;
  readonly #session: SmallSession;
  readonly #emit: Emit;
  readonly #finish: (error: MqttError) => void;
  readonly #policy: ReconnectPolicy;
  #link: Link | undefined;
  /** The timer of the next attempt. */
  #waiting: Timer | undefined;
  #state: typeof IDLE | typeof STARTED | typeof STOPPED = IDLE;
  #triedAt = 0;
  #dueAt = 0;
  /** Whether the server may hold this client's session. */
  #established = false;
  /**
   * Seconds that the server keeps the session without a connection. `#endsAt` is when the session expires if the client
   * has not returned.
   */
  #keptFor = 0;
  #endsAt = Infinity;
  /** How many sessions in a row belonged to another client. */
  #foreign = 0;
  /** The times of CONNECTs that were not answered. A network may still deliver them, even after a later one. */
  #unanswered: number[] = [];
  #firstConnect: number | undefined;
  /** How many more take-overs may be blamed on such CONNECTs of an earlier process. */
  #unexplained = MOST_UNEXPLAINED;
  #stopListening: (() => void) | undefined;
  #gone: (() => void) | undefined;

  /** @param finish called when there will be no further attempts */
  constructor(
    settings: SmallSettings,
    platform: Platform,
    session: SmallSession,
    emit: Emit,
    finish: (error: MqttError) => void,
  ) {
    this.#settings = settings;
    this.#platform = platform;
    this.#session = session;
    session.wire = this;
    this.#emit = emit;
    this.#finish = finish;
    this.#policy = new ReconnectPolicy(settings, platform.random);
  }

  get clientId(): string {
    return this.#settings.clientId || (this.#settings.servers[0] as SmallServer).clientId || "";
  }

  /** The server of the current connection. */
  get server(): string {
    return this.#link?.server.name ?? "";
  }

  get isOnline(): boolean {
    return this.#link !== undefined && !this.#link.answer;
  }

  get isStopped(): boolean {
    return this.#state === STOPPED;
  }

  get congested(): boolean {
    return this.#link?.connection?.congested ?? true;
  }

  write(packet: Uint8Array): void {
    this.#link?.connection?.write(packet);
  }

  /** Runs the first round of attempts. Rejects with the last server's error. */
  async start(signal: AbortSignalLike | undefined): Promise<ConnackPacket> {
    if (this.#state !== IDLE) throw invalid("connect", "not allowed", "ALREADY_CONNECTED");
    this.#state = STARTED;
    const round = this.#round();
    const off = onAbort(signal, (error) => this.#end(error));
    try {
      return await round;
    } catch (error) {
      if (!this.isStopped) this.#state = IDLE;
      throw error;
    } finally {
      off();
    }
  }

  /** Stops for good, after sending what is written. Resolves when the network connection is closed. */
  async stop(patience: number): Promise<void> {
    this.#state = STOPPED;
    this.#stopListening?.();
    this.#waiting?.cancel();
    const gone =
      this.#link?.connection &&
      new Promise<void>((resolve) => {
        this.#gone = resolve;
      });
    this.#end(closedError(), this.isOnline ? patience : undefined);
    await gone;
  }

  /** Called when CONNACK accepts. Returns whether the server may lack the subscriptions. */
  accepted(connack: ConnackPacket): boolean {
    const link = this.#link as Link;
    const { answer } = link;
    link.answer = undefined;
    const { clock, onWake } = this.#platform;
    link.server.clientId ??= connack.properties?.assignedClientIdentifier;
    this.#established = true;
    this.#foreign = 0;
    this.#policy.connected(clock.now());
    this.#stopListening ??= onWake?.(() => this.#wake());
    this.#watch();
    answer?.resolve(connack);
    return !connack.sessionPresent || this.#mayBeLate();
  }

  /**
   * Handles CONNACK or DISCONNECT. Returns whether the server resumed this client's session, and whether the client can
   * rely on that. Returns undefined if the connection was ended: the server refused it, sent DISCONNECT, or has a
   * session that is not this client's.
   */
  resumed(packet: ConnackPacket | DisconnectPacket): boolean | undefined {
    const { type, reasonCode, properties } = packet;
    const link = this.#link as Link;
    const isConnack = type === "connack";
    if (isConnack) this.#unanswered.pop();
    if (isConnack && !reasonCode) {
      const { sessionPresent } = packet;
      if (sessionPresent && link.cleanStart) throw fault("session present"); // [MQTT5-3.2.2-4]
      const resumed = sessionPresent && !this.#isDoubtful();
      this.#keptFor = properties?.sessionExpiryInterval ?? this.#settings.properties.sessionExpiryInterval ?? 0;
      if (resumed === sessionPresent || this.#settings.version < 5) return resumed;
      link.parting = true;
      this.#foreign++;
      this.write(disconnectPacket(5, 0, true));
      link.connection?.end(PARTING, PARTING);
      return undefined;
    }
    const code = isConnack
      ? "CONNECT_REFUSED"
      : reasonCode === SESSION_TAKEN_OVER
        ? "TAKEN_OVER"
        : "DISCONNECTED_BY_SERVER";
    this.#end(refusal(code, `${this.server}, clientId "${this.clientId}"`, reasonCode, properties), 0);
    return undefined;
  }

  /** Whether the server's session is not this client's, or may not be. */
  #isDoubtful(): boolean {
    if (!this.#established) return this.#settings.cleanStart;
    return this.#platform.clock.now() >= this.#endsAt && this.#mayBeLate();
  }

  /** Whether a delayed CONNECT of this client may still reach the server, or has reached it. */
  #mayBeLate(): boolean {
    const now = this.#platform.clock.now();
    this.#unanswered = this.#unanswered.filter((sent) => now - sent < LONGEST_DELAY);
    return this.#unanswered.length > 0;
  }

  /** Ends the current connection with this error. Informs the server if MQTT allows it [MQTT5-4.12.1-2]. */
  fail(error: MqttError): void {
    if (this.isOnline && this.#settings.version === 5 && !(error instanceof TransportError)) {
      const { reasonCode = UNSPECIFIED_ERROR } = error as Partial<ProtocolError>;
      this.write(disconnectPacket(5, reasonCode));
      this.#end(error, 0);
    } else {
      this.#end(error);
    }
  }

  /**
   * Stops or resumes reading. Resuming may deliver held messages before this returns, so the session is informed first.
   */
  setPaused(paused: boolean): void {
    this.#session.setDeaf(paused, this.#platform.clock.now());
    this.#link?.connection?.transport[paused ? "pause" : "resume"]();
  }

  /** Tries each server once. A server that fails moves to the end of the list. */
  async #round(): Promise<ConnackPacket> {
    this.#triedAt = this.#platform.clock.now();
    let failure: MqttError | undefined;
    for (const server of [...this.#settings.servers]) {
      try {
        return await this.#attempt(server);
      } catch (error) {
        failure = error as MqttError;
        if (isFinal(failure) || this.isStopped) break;
        this.#settings.servers.push(this.#settings.servers.shift() as SmallServer);
      }
    }
    throw failure;
  }

  #attempt(server: SmallServer): Promise<ConnackPacket> {
    return new Promise((resolve, reject) => {
      const { connectTimeout } = this.#settings;
      const timer = this.#platform.clock.schedule(connectTimeout, () =>
        this.#end(new TimeoutError("CONNECT_TIMEOUT", `${server.name}: ${connectTimeout} ms`)),
      );
      this.#link = {
        server,
        timer,
        answer: { resolve, reject },
        abort: new AbortController(),
      };
      this.#introduce(this.#link);
    });
  }

  #introduce(link: Link): void {
    this.#dial(link).catch((error: unknown) => {
      if (this.#link === link) this.#end(toMqttError(error, link.server.name));
    });
  }

  /** Dials the server and sends CONNECT. */
  async #dial(link: Link): Promise<void> {
    const { server } = link;
    const { clock } = this.#platform;
    const settings = this.#settings;
    const { version, credentials, webSocket, dial = this.#platform.dial, properties } = settings;
    const { username = server.username, password = server.password } = (await credentials?.(server.name)) ?? settings;
    // On MQTT 5, a delayed clean start would end a later session. So the client does not request one; it ends the
    // session that it finds.
    const cleanStart =
      this.#foreign >= MOST_FOREIGN || (settings.cleanStart && (version < 5 || !properties.sessionExpiryInterval));
    link.cleanStart = cleanStart;
    const { clientId } = this;
    const packet = connectPacket(version, { ...settings, clientId, cleanStart, username, password });
    if (this.#link !== link) return;
    const transport = await dial(server.address, link.abort.signal, { webSocket });
    if (this.#link !== link) {
      transport.destroy();
      return;
    }
    const reader = new PacketReader(version, properties.maximumPacketSize);
    link.connection = new SmallConnection(
      transport,
      clock,
      reader,
      this.#session,
      (error) => this.fail(toMqttError(error, server.name)),
      (error) => {
        const why = `${server.name} closed${error ? `: ${error.message}` : ""}`;
        // A WebSocket may report the reason only now.
        const said = link.answer && error instanceof MqttError;
        if (this.#link === link) {
          if (link.parting) this.#introduce(link);
          else this.#end(said ? error : new TransportError("CONNECTION_LOST", why, { cause: error }));
        }
        this.#gone?.();
      },
    );
    link.parting = false;
    const now = clock.now();
    this.#firstConnect ??= now;
    if (this.#unanswered.push(now) > MOST_REMEMBERED) this.#unanswered.shift();
    link.connection.write(packet);
    transport.start(link.connection);
  }

  /** @param patience milliseconds to wait until written bytes have left; undefined: closes immediately */
  #end(error: MqttError, patience?: number): void {
    const link = this.#link;
    if (link === undefined) return;
    const { connection, answer } = link;
    this.#link = undefined;
    connection?.end(patience);
    link.timer.cancel();
    if (!connection) link.abort.abort(error);
    this.#session.lost(error);
    if (answer) {
      answer.reject(error);
      return;
    }
    this.#endsAt = this.#platform.clock.now() + this.#keptFor * 1000;
    if (!this.isStopped) {
      this.#emit("disconnected", { error });
      this.#retry(error);
    }
  }

  #retry(error: MqttError): void {
    if (this.isStopped) return;
    const delay = this.#delayAfter(error, this.#platform.clock.now());
    if (delay === undefined) {
      this.stop(0);
      this.#finish(error);
      return;
    }
    this.#wait(delay);
    this.#emit("reconnecting", { attempt: this.#policy.attempts, delay, error });
  }

  /** Returns undefined if a retry cannot help a client that was accepted before. */
  #delayAfter(error: MqttError, now: number): number | undefined {
    if (error.code === "TAKEN_OVER") {
      // Each delayed CONNECT explains one take-over.
      if (this.#mayBeLate()) this.#unanswered.shift();
      else if (now - (this.#firstConnect ?? 0) >= YOUNG || --this.#unexplained < 0) return undefined;
    }
    const isRefused = isFinal(error);
    if (isRefused && !PERHAPS_FOR_NOW.includes((error as RefusedError).reasonCode)) return undefined;
    // The credentials function may return a new token.
    return this.#policy.next(now, isRefused && !this.#settings.credentials);
  }

  #wait(delay: number): void {
    this.#dueAt = this.#platform.clock.now() + delay;
    this.#waiting = this.#platform.clock.schedule(delay, () => {
      this.#waiting = undefined;
      this.#round().catch((error: MqttError) => this.#retry(error));
    });
  }

  /** Handles a wake-up of the platform: checks the connection if there is one; otherwise tries to connect soon. */
  #wake(): void {
    if (this.isOnline) this.#watch();
    if (this.#waiting === undefined) return;
    this.#waiting.cancel();
    const at = Math.min(this.#dueAt, this.#triedAt + WAKE_INTERVAL);
    this.#wait(at - this.#platform.clock.now());
  }

  /** Checks the session's deadline. Each connection has one timer, so that packets do not have to reset it. */
  #watch(again = false): void {
    const { clock } = this.#platform;
    const link = this.#link as Link;
    const error = this.#session.advance(clock.now());
    if (error && again) this.#end(error);
    if (this.#link !== link) return; // also if PINGREQ exceeded what may wait for a server that does not read
    link.timer.cancel();
    // After a busy period, timers fire before received bytes are read. So a silent server is checked again after
    // another turn of the event loop.
    const left = error ? 0 : this.#session.deadline() - clock.now();
    link.timer = clock.schedule(Math.max(0, Math.min(left, LOOK_AGAIN)), () => this.#watch(error !== undefined));
  }
}

/** @param cause why the client stopped by itself */
export function closedError(cause?: MqttError): ClosedError {
  return new ClosedError("CLIENT_CLOSED", "the client is closed", { cause });
}
