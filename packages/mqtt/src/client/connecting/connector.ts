/**
 * Connects a client and keeps it connected: chooses the server and the protocol version, and decides when to retry and
 * when to stop. Owns the state of the connection; knows nothing of messages.
 */

import type { AuthPacket, ConnackPacket, Packet, ProtocolVersion } from "../../codec/packets.js";
import { ClosedError, type MqttError, ProtocolError, RefusedError, TimeoutError, UsageError } from "../../errors.js";
import type { EventEmitter } from "../../event-emitter.js";
import type { AbortSignalLike } from "../../platform/abort.js";
import type { Timer } from "../../platform/clock.js";
import type { Platform } from "../../platform/platform.js";
import {
  SERVER_MOVED,
  SESSION_TAKEN_OVER,
  UNSUPPORTED_PROTOCOL_VERSION,
  USE_ANOTHER_SERVER,
} from "../../reason-code.js";
import { AbortSource, assertNotAborted, onAbort, orAborted } from "../abort-source.js";
import type { ClientEvents, Connected } from "../client-events.js";
import type { ClientSettings } from "../connect-options.js";
import { Attempt, type AttemptContext } from "./attempt.js";
import type { Connection, ConnectionEvents } from "./connection.js";
import { cannotHelp, RetryPolicy } from "./retry-policy.js";
import { retold, roundFailure } from "./round-failure.js";
import type { ServerList } from "./server-list.js";
import { MOST_REFERENCES } from "./server-reference.js";
import type { ServerUrl } from "./server-url.js";

/** Receives what concerns messages and subscriptions. */
export interface ConnectorEvents {
  /**
   * CONNACK has accepted.
   *
   * @param resumed, certain as in `ServerLink`
   */
  connected(connected: Connected, resumed: boolean, certain: boolean): void;
  /** A connection that was accepted has ended. */
  lost(): void;
  /** There will be no further attempts. */
  gaveUp(error: MqttError): void;
  packet(packet: Packet): void;
}

type Connecting = { readonly at: "connecting"; readonly abort: AbortSource; attempt: Attempt | undefined };

type State =
  | { readonly at: "idle" }
  | Connecting
  | { readonly at: "online"; readonly connection: Connection; readonly server: ServerUrl }
  | { readonly at: "waiting"; readonly timer: Timer; readonly until: number }
  | { readonly at: "stopped" };

/**
 * The least milliseconds between the starts of two rounds of attempts, however often the platform reports a wake-up.
 */
const WAKE_INTERVAL = 1_000;

const REFERRED = [5] as const;
const NOT_FOLLOWED =
  'the servers that it refers to are not in the list of URLs, and following them would send them this client\'s credentials; add them to the list, or set serverReference: "follow"';

export class Connector implements ConnectionEvents {
  readonly platform: Platform;
  private readonly settings: ClientSettings;
  private state: State = { at: "idle" };
  /** Created at the first lost connection; most clients do not need it before. */
  private retryPolicy: RetryPolicy | undefined;
  /** When the last CONNACK was accepted. */
  private connectedAt = 0;
  /** The version that each server accepted, by server name. For other servers, all of `settings.versions` are tried. */
  private versions: Map<string, ProtocolVersion> | undefined;
  private version: ProtocolVersion | undefined;
  /** Whether the application's backlog stops reading. It applies to every connection. */
  private paused = false;
  /** The identifier that a server assigned to a client without one. Other servers do not know it. */
  private assigned: { readonly clientId: string; readonly server: string } | undefined;
  /** When the last round of attempts started. */
  private roundBegan = 0;
  /** Removes the listener for the platform's wake-ups; undefined before the first CONNACK. */
  private stopListening: (() => void) | undefined;

  constructor(
    readonly servers: ServerList,
    private readonly context: AttemptContext,
    private readonly emitter: EventEmitter<ClientEvents>,
    private readonly events: ConnectorEvents,
    former?: Connector,
  ) {
    const { settings, platform } = context;
    this.settings = settings;
    this.platform = platform;
    this.assigned = former?.assigned;
  }

  get isOnline(): boolean {
    return this.state.at === "online";
  }

  get isStopped(): boolean {
    return this.state.at === "stopped";
  }

  /** The version in use; undefined before the first CONNACK. */
  get protocolVersion(): ProtocolVersion | undefined {
    return this.version;
  }

  get clientId(): string {
    return this.assigned?.clientId ?? this.settings.clientId;
  }

  /** Runs the first round of attempts, and with `retry` further rounds. Rejects with the last server's error. */
  async start(signal: AbortSignalLike | undefined, retry: boolean): Promise<Connected> {
    if (this.state.at !== "idle")
      throw new UsageError(
        "ALREADY_CONNECTED",
        "connect: connect() was called before on this client; call it once, or make another client",
      );
    assertNotAborted(signal);
    try {
      for (;;) {
        const round = this.round(signal);
        if (!retry) return await round;
        try {
          return await round;
        } catch (error) {
          await this.pause(error as MqttError, signal);
        }
      }
    } catch (error) {
      if (!this.isStopped) this.state = { at: "idle" };
      throw error;
    }
  }

  /**
   * Waits before another first round of attempts. @throws the error if there is no further round, or the error that
   * ends the wait
   */
  private async pause(error: MqttError, signal: AbortSignalLike | undefined): Promise<void> {
    const { policy } = this;
    const { clock } = this.platform;
    const delay = this.isStopped || cannotHelp(error) ? undefined : policy?.after(error, clock.now());
    if (policy === undefined || delay === undefined) throw error;
    const abort = new AbortSource();
    this.state = { at: "connecting", abort, attempt: undefined };
    const release = onAbort(signal, (aborted) => abort.abort(aborted));
    let timer: Timer | undefined;
    const over = new Promise<void>((resolve) => {
      timer = clock.schedule(delay, resolve);
    });
    this.emitter.emit("reconnecting", { attempt: policy.attempts, delay, error });
    try {
      await orAborted(over, abort);
    } finally {
      timer?.cancel();
      release();
    }
  }

  /**
   * Stops for good, after sending what is written. Resolves when the network connection is closed.
   *
   * @param patience milliseconds to wait until written bytes have left
   */
  async stop(patience: number): Promise<void> {
    const { state } = this;
    this.state = { at: "stopped" };
    this.stopListening?.();
    if (state.at === "waiting") state.timer.cancel();
    if (state.at === "connecting")
      state.abort.abort(new ClosedError("CLIENT_CLOSED", "connect: the client was closed while it was connecting"));
    if (state.at === "online") {
      state.connection.end(undefined, patience);
      await state.connection.gone();
    }
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    if (this.state.at !== "online") return;
    if (paused) this.state.connection.pause();
    else this.state.connection.resume();
  }

  /** Ends the current connection with this error. */
  fail(error: MqttError): void {
    this.current?.refuse(error);
  }

  /** @internal */
  packet(packet: Packet): void {
    this.events.packet(packet);
  }

  /** @internal */
  authentication(packet: AuthPacket): void {
    this.context.authenticator?.received(packet);
  }

  /** @internal */
  foreign(connection: Connection): void {
    this.attemptBy(connection)?.foreign();
  }

  /** @internal */
  ended(connection: Connection, error: MqttError | undefined): void {
    const { state } = this;
    this.attemptBy(connection)?.ended(error);
    if (state.at === "online" && state.connection === connection) this.connectionEnded(state, error);
  }

  /** Undefined if the client does not reconnect. */
  private get policy(): RetryPolicy | undefined {
    const { reconnect, credentials } = this.settings;
    if (this.retryPolicy === undefined && reconnect !== undefined) {
      this.retryPolicy = new RetryPolicy(reconnect, credentials !== undefined, this.platform.random);
      this.retryPolicy.connected(this.connectedAt);
    }
    return this.retryPolicy;
  }

  private get current(): Connection | undefined {
    if (this.state.at === "connecting") return this.state.attempt?.connection;
    return this.state.at === "online" ? this.state.connection : undefined;
  }

  /** Returns the attempt of this connection, if CONNECT was not answered. */
  private attemptBy(connection: Connection): Attempt | undefined {
    const attempt = this.state.at === "connecting" ? this.state.attempt : undefined;
    return attempt?.connection === connection ? attempt : undefined;
  }

  /**
   * Tries each server once, in order. Servers that another one referred to come first. Rejects with the error of the
   * last of the application's own servers; its message lists the other errors. An error of a server that another one
   * referred to never stops the client.
   */
  private async round(signal: AbortSignalLike | undefined): Promise<Connected> {
    this.roundBegan = this.platform.clock.now();
    if (this.servers.mustBeAsked) await this.refreshServers(signal);
    const tried = new Set<string>();
    const earlier: MqttError[] = [];
    let last: MqttError | undefined;
    let references = 0;
    for (;;) {
      const next = this.servers.candidates.find(
        (server) => !tried.has(server.name) && (references < MOST_REFERENCES || this.servers.isOwn(server)),
      );
      if (next === undefined) throw roundFailure(last as MqttError, earlier);
      tried.add(next.name);
      const isOwn = this.servers.isOwn(next);
      if (!isOwn) references++;
      try {
        return await this.ask(next, signal);
      } catch (error) {
        const failure = error as MqttError;
        if (failure.code === "ABORTED" || this.isStopped) throw failure;
        if (last !== undefined && isOwn) earlier.push(last);
        if (isOwn && cannotHelp(failure)) throw roundFailure(failure, earlier);
        this.servers.failed(next);
        const told = this.follow(next, failure);
        if (isOwn) last = told;
        else earlier.push(told);
      }
    }
  }

  /** Asks the application for the servers. It may take as long as an attempt. */
  private async refreshServers(signal: AbortSignalLike | undefined): Promise<void> {
    const { state, done } = this.connecting("the list of servers", signal);
    try {
      await orAborted(this.servers.refresh(), state.abort);
    } finally {
      done();
    }
  }

  /**
   * If the error refers to other servers, and the client may follow, those are tried first from now on. Returns the
   * error to report.
   */
  private follow(from: ServerUrl, error: MqttError): MqttError {
    if (!(error instanceof RefusedError) || error.serverReference === undefined) return error;
    const { reasonCode, serverReference } = error;
    const moved = reasonCode === SERVER_MOVED;
    const policy = this.settings.serverReference;
    if (policy === "ignore" || (!moved && reasonCode !== USE_ANOTHER_SERVER)) return error;
    const onlyOwn = policy === "without-credentials" && this.hasCredentials;
    if (this.servers.refer(from, serverReference, moved, onlyOwn)) return error;
    return retold(error, `${error.message}; ${NOT_FOLLOWED}`);
  }

  /** Whether a server would receive anything that it could use elsewhere. TLS keys do not leave the client. */
  private get hasCredentials(): boolean {
    const { username, password, credentials, authentication, network } = this.settings;
    const given = username ?? password ?? credentials ?? authentication ?? network.fixed.webSocket?.headers;
    return given !== undefined || this.servers.namesUser;
  }

  /** Tries one server, with each version that it may support. */
  private async ask(server: ServerUrl, signal: AbortSignalLike | undefined): Promise<Connected> {
    const known = this.versions?.get(server.name);
    // A server that refers to others uses MQTT 5, and so do those servers: one attempt each.
    const possible = this.servers.isOwn(server) ? this.settings.versions : REFERRED;
    const versions = known === undefined ? possible : [known];
    let failure: MqttError | undefined;
    for (const version of versions) {
      try {
        let connected: Connected | undefined;
        while (connected === undefined) connected = await this.attempt(server, version, signal);
        return connected;
      } catch (error) {
        failure = error as MqttError;
        if (this.isStopped || !mayBeTheVersion(failure)) break;
      }
    }
    throw failure;
  }

  private attempt(
    server: ServerUrl,
    version: ProtocolVersion,
    signal: AbortSignalLike | undefined,
  ): Promise<Connected | undefined> {
    const { state, done } = this.connecting(server.name, signal);
    const clientId = this.assigned?.server === server.name ? this.assigned.clientId : this.settings.clientId;
    state.attempt = new Attempt(this.context, server, version, state.abort);
    return state.attempt.run(clientId, this, done);
  }

  /**
   * Creates the state of an attempt, which `signal`, `stop` or the connect timeout may end. `done` stops watching for
   * these.
   */
  private connecting(what: string, signal: AbortSignalLike | undefined): { state: Connecting; done: () => void } {
    const { connectTimeout } = this.settings;
    const abort = new AbortSource();
    const state: Connecting = { at: "connecting", abort, attempt: undefined };
    this.state = state;
    const timeout = this.platform.clock.schedule(connectTimeout, () => {
      const waited = `${what}: no CONNACK within connectTimeout ${connectTimeout} ms`;
      abort.abort(new TimeoutError("CONNECT_TIMEOUT", waited));
    });
    const release = onAbort(signal, (error) => abort.abort(error));
    const done = (): void => {
      timeout.cancel();
      release();
    };
    return { state, done };
  }

  /** @internal */
  accepted(
    connection: Connection,
    { sessionPresent, properties = {} }: ConnackPacket,
    resumed: boolean,
    certain: boolean,
  ): void {
    const attempt = this.attemptBy(connection);
    if (attempt === undefined) return;
    const { server } = attempt;
    const now = this.platform.clock.now();
    const { version } = connection;
    this.version = version;
    if (this.settings.versions.length > 1 && this.servers.isOwn(server)) {
      this.versions ??= new Map();
      this.versions.set(server.name, version);
    }
    this.servers.accepted(server);
    if (connection.clientId === "") {
      const clientId = properties.assignedClientIdentifier;
      this.assigned = clientId === undefined ? undefined : { clientId, server: server.name };
    }
    this.state = { at: "online", connection, server };
    this.connectedAt = now;
    this.retryPolicy?.connected(now);
    this.stopListening ??= this.platform.onWake?.(() => this.wake());
    if (this.paused) connection.pause();
    const { clientId } = this;
    const connected = { server: server.name, protocolVersion: version, clientId, sessionPresent, properties };
    this.context.authenticator?.accepted(properties);
    this.events.connected(connected, resumed, certain);
    attempt.accepted(connected);
  }

  private connectionEnded(state: Extract<State, { at: "online" }>, cause: MqttError | undefined): void {
    if (cause === undefined) return; // this client ended it with `stop`
    this.state = { at: "idle" };
    const error = this.follow(state.server, cause);
    const now = this.platform.clock.now();
    // The connection was closed cleanly, and no sent message is suspected.
    const unexplained =
      error.code === "CONNECTION_LOST" && error.cause === undefined && !this.context.session.suspectsMessage;
    const { unstable, rivalled } = this.policy?.ended(now, !unexplained) ?? {};
    this.context.authenticator?.lost(error);
    this.events.lost();
    this.emitter.emit("disconnected", { error });
    if (unstable !== undefined) this.emitter.emit("unstable", { connections: unstable, error });
    if (error.code === "TAKEN_OVER") {
      const by = this.context.session.takenOver(now);
      if (by !== "own") this.takenOver(by === "another client", error);
      if (by === "another client") {
        this.giveUp(error);
        return;
      }
      if (by === "earlier process") this.policy?.rival(); // it may be another client after all
    }
    if (rivalled !== undefined) {
      this.policy?.rival();
      this.takenOver(false, this.suspicion(state.server, rivalled));
    }
    this.retry(error);
  }

  private retry(error: MqttError): void {
    if (this.isStopped) return;
    const now = this.platform.clock.now();
    const { policy } = this;
    const delay = policy?.after(error, now);
    if (policy === undefined || delay === undefined) {
      this.giveUp(error);
      return;
    }
    this.waitUntil(now + delay);
    this.emitter.emit("reconnecting", { attempt: policy.attempts, delay, error });
  }

  private waitUntil(until: number): void {
    const { clock } = this.platform;
    const timer = clock.schedule(Math.max(0, until - clock.now()), () => void this.reconnect());
    this.state = { at: "waiting", timer, until };
  }

  /**
   * Handles a wake-up of the platform: checks the connection if there is one; otherwise tries to connect without
   * waiting any longer.
   */
  private wake(): void {
    const { state } = this;
    if (state.at === "online") state.connection.look();
    if (state.at !== "waiting") return;
    state.timer.cancel();
    this.waitUntil(Math.min(state.until, Math.max(this.platform.clock.now(), this.roundBegan + WAKE_INTERVAL)));
  }

  private async reconnect(): Promise<void> {
    try {
      await this.round(undefined);
    } catch (error) {
      this.retry(error as MqttError);
    }
  }

  private giveUp(error: MqttError): void {
    if (this.isStopped) return;
    this.state = { at: "stopped" };
    this.stopListening?.();
    this.events.gaveUp(error);
  }

  private takenOver(certain: boolean, error: MqttError): void {
    this.emitter.emit("takenOver", { clientId: this.clientId, certain, error });
  }

  private suspicion(server: ServerUrl, times: number): RefusedError {
    return new RefusedError(
      "TAKEN_OVER",
      SESSION_TAKEN_OVER,
      `${server.name} closed the connection ${times} times soon after accepting it; another client seems to ` +
        `use the client identifier "${this.clientId}"; give each client its own clientId`,
    );
  }
}

const UNACCEPTABLE_PROTOCOL_VERSION = 1;

/**
 * Returns whether another protocol version may succeed. Servers refuse a version in several ways; some just close the
 * connection.
 */
function mayBeTheVersion(error: MqttError): boolean {
  if (error instanceof ProtocolError || error.code === "CONNECTION_LOST") return true;
  if (!(error instanceof RefusedError)) return false;
  return error.reasonCode === UNSUPPORTED_PROTOCOL_VERSION || error.reasonCode === UNACCEPTABLE_PROTOCOL_VERSION;
}
