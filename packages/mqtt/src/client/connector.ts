/**
 * Gets a client online and keeps it there: which server, which version of the protocol, when to try again, and when to stop
 * trying. Owns the state of the connection; knows nothing of messages.
 */

import type { ConnackPacket, DisconnectPacket, Packet, ProtocolVersion } from "../codec/packets.js";
import { MqttError, ProtocolError, RefusedError, TimeoutError, TransportError, UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import { utf8Bytes } from "../platform/text.js";
import type { Transport } from "../platform/transport.js";
import { SERVER_MOVED, SESSION_TAKEN_OVER, UNSUPPORTED_PROTOCOL_VERSION, USE_ANOTHER_SERVER } from "../reason-code.js";
import type { Attempt, ClientSession } from "../session/client-session.js";
import { AbortSource, assertNotAborted, onAbort, orAborted } from "./abort-source.js";
import type { Authenticator } from "./authenticator.js";
import { isFinal, PERHAPS_FOR_NOW } from "./connack-refusals.js";
import type { ClientSettings } from "./connect-options.js";
import { Connection, type ConnectionEvents } from "./connection.js";
import { given } from "./given-function.js";
import { retold, roundFailure } from "./round-failure.js";
import type { ServerList } from "./server-list.js";
import { MOST_REFERENCES } from "./server-reference.js";
import type { ServerUrl } from "./server-url.js";
import type { StoreWriter } from "./store-writer.js";
import { WaryReconnectPolicy } from "./wary-reconnect-policy.js";

/** What a connection came to, at CONNACK. */
export interface Accepted {
  readonly server: string;
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: string;
  readonly sessionPresent: boolean;
  readonly connack: ConnackPacket;
}

export interface ConnectorEvents {
  /** CONNACK has accepted. */
  connected(accepted: Accepted): void;
  /** A connection that had been accepted is over. */
  lost(error: MqttError): void;
  reconnecting(attempt: number, delay: number, error: MqttError): void;
  takenOver(certain: boolean, error: MqttError): void;
  /** So many connections in a row ended soon after they were accepted, the last with this error. */
  unstable(connections: number, error: MqttError): void;
  /** There will be no further attempt. */
  gaveUp(error: MqttError): void;
  packet(packet: Packet): void;
}

type Connecting = {
  readonly at: "connecting";
  readonly abort: AbortSource;
  /** From CONNECT until it is answered. */
  handshake: Handshake | undefined;
};

interface Handshake {
  readonly connection: Connection;
  readonly server: ServerUrl;
  /** Undefined: the server had a session that is not this client's, and has ended it. Another attempt finds none. */
  resolve(accepted: Accepted | undefined): void;
  reject(error: MqttError | undefined): void;
}

type State =
  | { readonly at: "idle" }
  | Connecting
  | { readonly at: "online"; readonly connection: Connection; readonly server: ServerUrl; readonly since: number }
  | { readonly at: "waiting"; readonly timer: Timer; readonly until: number }
  | { readonly at: "stopped" };

/** A connection that the server closes within so many milliseconds after CONNACK, for no reason it names … */
const SHORT_LIVED = 5_000;
/** … so many times in a row looks as if another client used the same identifier: before MQTT 5 nobody says so, and mosquitto 2.0 does not on 5 either. */
const TAKE_OVER_PATTERN = 2;
/** Short-lived connections in a row that are reported for the first time, and after that at each multiple of … */
const FIRST_UNSTABLE = 3;
const NEXT_UNSTABLE = 10;

/** So many refusals in a row are answered without delay where the application gives credentials anew at each attempt. */
const MOST_REFUSALS = 3;

/** Milliseconds that a server may take to end a session and close the connection. */
const PARTING = 1_000;

/** Milliseconds between the beginnings of two rounds of attempts, however often the platform says that it is time. */
const WAKE_INTERVAL = 1_000;

const REFERRED = [5] as const;
const NOT_FOLLOWED =
  'the servers that it refers to are not in the list of URLs and would be given this client\'s credentials: add them, or set serverReference: "follow"';

export class Connector implements ConnectionEvents {
  private state: State = { at: "idle" };
  private readonly policy: WaryReconnectPolicy | undefined;
  /** The version that each server accepted, by its name; until then all of `settings.versions` are tried there. */
  private versions: Map<string, ProtocolVersion> | undefined;
  private version: ProtocolVersion | undefined;
  /** Whether the application's backlog keeps us from reading, whichever connection it is. */
  private paused = false;
  /** The identifier that a server assigned to a client without one: another server knows nothing of it. */
  private assigned: { readonly clientId: string; readonly server: string } | undefined;
  private shortLived = 0;
  /** Connections in a row that ended soon after they were accepted, for whatever reason. */
  private brief = 0;
  /** Refusals in a row, and when the first of them came. */
  private refusals = 0;
  private refusedSince = 0;
  /** When the last round of attempts began. */
  private roundBegan = 0;
  /** Ends the platform's wakes; undefined before the first CONNACK. */
  private stopListening: (() => void) | undefined;

  constructor(
    readonly servers: ServerList,
    private readonly settings: ClientSettings,
    readonly platform: Platform,
    private readonly session: ClientSession,
    private readonly storeWriter: StoreWriter | undefined,
    private readonly authenticator: Authenticator | undefined,
    private readonly events: ConnectorEvents,
    former?: Connector,
  ) {
    this.assigned = former?.assigned;
    this.policy = settings.reconnect && new WaryReconnectPolicy(settings.reconnect, platform.random);
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

  /** The first round of attempts. Rejects with the last one's error. */
  async start(signal: AbortSignalLike | undefined): Promise<Accepted> {
    if (this.state.at !== "idle")
      throw new UsageError("ALREADY_CONNECTED", "connect: this client was connected before");
    assertNotAborted(signal);
    try {
      return await this.round(signal);
    } catch (error) {
      if (!this.isStopped) this.state = { at: "idle" };
      throw error;
    }
  }

  /**
   * Ends for good, after sending what is written. Resolves when the network connection is closed.
   *
   * @param patience milliseconds that what is written may take to leave
   */
  async stop(patience: number): Promise<void> {
    const { state } = this;
    this.state = { at: "stopped" };
    this.stopListening?.();
    const reason = new UsageError("CLIENT_CLOSED", "connect: the client was closed meanwhile");
    if (state.at === "waiting") state.timer.cancel();
    if (state.at === "connecting") state.abort.abort(reason);
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

  /** The session's events, passed on by whoever owns it. */
  connackAccepted(connack: ConnackPacket): void {
    if (this.state.at === "connecting" && this.state.handshake !== undefined)
      this.accept(this.state.handshake, connack);
  }

  connackRefused(connack: ConnackPacket): void {
    this.current?.connackRefused(connack);
  }

  foreignSession(): void {
    if (this.state.at !== "connecting" || this.state.handshake === undefined) return;
    const { connection, resolve } = this.state.handshake;
    this.state.handshake = undefined; // so that the end of the connection is not the end of the attempt
    void connection.gone().then(() => resolve(undefined));
    connection.end(undefined, PARTING);
  }

  /** Ends the present connection, for this reason. */
  fail(error: MqttError): void {
    this.current?.refuse(error);
  }

  disconnected(packet: DisconnectPacket): void {
    this.current?.disconnected(packet);
  }

  /** @internal */
  packet(packet: Packet): void {
    this.events.packet(packet);
  }

  /** @internal */
  ended(connection: Connection, error: MqttError | undefined): void {
    const { state } = this;
    if (state.at === "connecting" && state.handshake?.connection === connection) state.handshake.reject(error);
    if (state.at === "online" && state.connection === connection) this.connectionEnded(state, error);
  }

  private get current(): Connection | undefined {
    if (this.state.at === "connecting") return this.state.handshake?.connection;
    return this.state.at === "online" ? this.state.connection : undefined;
  }

  /**
   * Each server once, in order; where one refers to others, those first. Rejects with the error of the last of the application's own
   * servers, which tells the others': what a server says that another one referred to ends no client.
   */
  private async round(signal: AbortSignalLike | undefined): Promise<Accepted> {
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
        return await this.attempt(next, signal);
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

  /** Lets the application say which servers there are; it may take as long as an attempt. */
  private async refreshServers(signal: AbortSignalLike | undefined): Promise<void> {
    const { state, done } = this.connecting("the list of servers", signal);
    try {
      await orAborted(this.servers.refresh(), state.abort);
    } finally {
      done();
    }
  }

  /** If the error is a server's reference to others that may be followed, those come first from now on. Returns the error to report. */
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

  /** Whether a server would be given anything that it could use elsewhere. Keys for TLS do not leave the client. */
  private get hasCredentials(): boolean {
    const { username, password, credentials, authentication, network } = this.settings;
    const given = username ?? password ?? credentials ?? authentication ?? network.fixed.webSocket?.headers;
    return given !== undefined || this.servers.namesUser;
  }

  /** One server, with each version it might speak. */
  private async attempt(server: ServerUrl, signal: AbortSignalLike | undefined): Promise<Accepted> {
    const known = this.versions?.get(server.name);
    // What refers to others speaks MQTT 5, and so do they: one attempt for each.
    const possible = this.servers.isOwn(server) ? this.settings.versions : REFERRED;
    const versions = known === undefined ? possible : [known];
    let failure: MqttError | undefined;
    for (const version of versions) {
      try {
        let accepted: Accepted | undefined;
        while (accepted === undefined) accepted = await this.handshake(server, version, signal);
        return accepted;
      } catch (error) {
        failure = error as MqttError;
        if (this.isStopped || !mayBeTheVersion(failure)) break;
      }
    }
    throw failure;
  }

  /** The state of an attempt that `signal`, `stop` or the connect timeout may end. `done` ends the watch for these. */
  private connecting(what: string, signal: AbortSignalLike | undefined): { state: Connecting; done: () => void } {
    const { connectTimeout } = this.settings;
    const abort = new AbortSource();
    const state: Connecting = { at: "connecting", abort, handshake: undefined };
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

  private async handshake(
    server: ServerUrl,
    version: ProtocolVersion,
    signal: AbortSignalLike | undefined,
  ): Promise<Accepted | undefined> {
    const { state, done } = this.connecting(server.name, signal);
    const { abort } = state;
    try {
      const { settings, authenticator } = this;
      const { credentials } = settings;
      const own = credentials && given("credentials", () => credentials(server.name));
      const asked = own && (await orAborted(own, abort));
      const { username = server.username, password = server.password } = asked ?? settings;
      const authentication = authenticator && (await orAborted(authenticator.begin(), abort));
      const clientId = this.assigned?.server === server.name ? this.assigned.clientId : settings.clientId;
      const attempt = { version, clientId, username, password: passwordBytes(password), authentication };
      const transport = await this.dial(server, abort); // last: what throws from here on has to close it
      return await this.introduce(transport, server, attempt, state);
    } catch (error) {
      throw abort.aborted ? abort.reason : asMqttError(error, server.name);
    } finally {
      done();
    }
  }

  /** Gives up when the attempt is, whatever the platform's dial makes of its signal; a connection that comes later is closed. */
  private async dial(server: ServerUrl, abort: AbortSource): Promise<Transport> {
    const { network, dial = this.platform.dial } = this.settings;
    const { fixed, tls } = network;
    const options = tls === undefined ? fixed : { ...fixed, tls: await orAborted(tls(server.name), abort) };
    const dialling = dial(server.address, abort.signal, options);
    return new Promise((resolve, reject) => {
      abort.addEventListener("abort", () => reject(abort.reason));
      dialling.then((transport) => {
        if (abort.aborted) transport.destroy();
        else resolve(transport);
      }, reject);
    });
  }

  /** From the open transport to CONNACK. */
  private introduce(
    transport: Transport,
    server: ServerUrl,
    attempt: Attempt,
    state: Connecting,
  ): Promise<Accepted | undefined> {
    const { abort } = state;
    if (abort.aborted || this.state !== state) {
      transport.destroy();
      return Promise.reject(abort.reason);
    }
    return new Promise((resolve, reject) => {
      const { session, storeWriter } = this;
      const { clock } = this.platform;
      const connection = new Connection(
        transport,
        server.name,
        attempt,
        session,
        clock,
        storeWriter,
        this.settings.maximumPacketSize,
        this,
      );
      state.handshake = { connection, server, resolve, reject };
      abort.addEventListener("abort", () => {
        connection.abort(abort.reason as MqttError);
        reject(abort.reason); // `ended` says it to nobody who has stopped
      });
      try {
        connection.open();
      } catch (error) {
        connection.abort(asMqttError(error, server.name)); // CONNECT cannot be said as asked
      }
    });
  }

  private accept({ connection, server, resolve }: Handshake, connack: ConnackPacket): void {
    const now = this.platform.clock.now();
    const { version } = connection;
    connection.connackAccepted(this.settings.maximumPacketSize);
    this.version = version;
    if (this.settings.versions.length > 1 && this.servers.isOwn(server)) {
      this.versions ??= new Map();
      this.versions.set(server.name, version);
    }
    this.servers.accepted(server);
    if (connection.clientId === "") {
      const clientId = connack.properties?.assignedClientIdentifier;
      this.assigned = clientId === undefined ? undefined : { clientId, server: server.name };
    }
    this.state = { at: "online", connection, server, since: now };
    this.refusals = 0;
    this.policy?.connected(now);
    this.stopListening ??= this.platform.onWake?.(() => this.wake());
    if (this.paused) connection.pause();
    const { clientId } = this;
    const { sessionPresent } = connack;
    const accepted = { server: server.name, protocolVersion: version, clientId, sessionPresent, connack };
    this.events.connected(accepted);
    resolve(accepted);
  }

  private connectionEnded(state: Extract<State, { at: "online" }>, cause: MqttError | undefined): void {
    if (cause === undefined) return; // ours, by `stop`
    this.state = { at: "idle" };
    const error = this.follow(state.server, cause);
    const now = this.platform.clock.now();
    // Closed, not broken, and for nothing that this client sent.
    const unexplained = error.code === "CONNECTION_LOST" && error.cause === undefined && !this.session.suspectsMessage;
    this.shortLived = unexplained && now - state.since < SHORT_LIVED ? this.shortLived + 1 : 0;
    this.brief = now - state.since < SHORT_LIVED ? this.brief + 1 : 0;
    this.events.lost(error);
    if (this.brief === FIRST_UNSTABLE || (this.brief > 0 && this.brief % NEXT_UNSTABLE === 0))
      this.events.unstable(this.brief, error);
    if (error.code === "TAKEN_OVER") {
      const by = this.session.takenOver(now);
      if (by !== "own") this.events.takenOver(by === "another client", error);
      if (by === "another client") {
        this.giveUp(error);
        return;
      }
      if (by === "earlier process") this.policy?.rival(); // or it is another client after all
    }
    if (this.shortLived >= TAKE_OVER_PATTERN) {
      this.policy?.rival();
      this.events.takenOver(false, this.suspicion(state.server));
    }
    this.retry(error);
  }

  private retry(error: MqttError): void {
    if (this.isStopped) return;
    const { policy } = this;
    const { clock } = this.platform;
    const now = clock.now();
    const refused = cannotHelp(error);
    if (!refused) this.refusals = 0;
    else if (this.refusals++ === 0) this.refusedSince = now;
    const slowly = refused && (this.settings.credentials === undefined || this.refusals > MOST_REFUSALS);
    const delay = refused && this.isOver(error, now) ? undefined : policy?.next(now, slowly);
    if (policy === undefined || delay === undefined) {
      this.giveUp(error);
      return;
    }
    this.waitUntil(now + delay);
    this.events.reconnecting(policy.attempts, delay, error);
  }

  /** Whether trying again cannot help a client that was accepted once. */
  private isOver(error: MqttError, now: number): boolean {
    if (!(error instanceof RefusedError) || error.code !== "CONNECT_REFUSED") return true;
    if (!PERHAPS_FOR_NOW.includes(error.reasonCode)) return true;
    return now - this.refusedSince >= (this.settings.reconnect?.maximumRefusal ?? 0);
  }

  private waitUntil(until: number): void {
    const { clock } = this.platform;
    const timer = clock.schedule(Math.max(0, until - clock.now()), () => void this.reconnect());
    this.state = { at: "waiting", timer, until };
  }

  /** The platform says that it is time to look: at the connection if there is one, else for a server, without the rest of the wait. */
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

  private suspicion(server: ServerUrl): RefusedError {
    return new RefusedError(
      "TAKEN_OVER",
      SESSION_TAKEN_OVER,
      `${server.name} closed the connection ${this.shortLived} times soon after accepting it: another client seems to ` +
        `use the client identifier "${this.clientId}"; give each client an identifier of its own`,
    );
  }
}

const UNACCEPTABLE_PROTOCOL_VERSION = 1;

/** Whether another version of the protocol might fare better: servers say no in several ways, some by hanging up. */
function mayBeTheVersion(error: MqttError): boolean {
  if (error instanceof ProtocolError || error.code === "CONNECTION_LOST") return true;
  if (!(error instanceof RefusedError)) return false;
  return error.reasonCode === UNSUPPORTED_PROTOCOL_VERSION || error.reasonCode === UNACCEPTABLE_PROTOCOL_VERSION;
}

function cannotHelp(error: MqttError): boolean {
  return isFinal(error) || error.code === "AUTHENTICATION_FAILED";
}

function passwordBytes(password: string | Uint8Array | undefined): Uint8Array | undefined {
  return typeof password === "string" ? utf8Bytes(password) : password;
}

function asMqttError(error: unknown, server: string): MqttError {
  if (error instanceof MqttError) return error;
  return new TransportError("CONNECTION_FAILED", `cannot connect to ${server}: ${error}`, { cause: error });
}
