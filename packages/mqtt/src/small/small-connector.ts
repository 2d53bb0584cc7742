/**
 * Gets a small client online and keeps it there: which server, when to try again, and when to stop trying. Owns the network connection;
 * knows nothing of messages.
 */

import type { ClientEvents } from "../client/client-events.js";
import { ReconnectPolicy } from "../client/reconnect-policy.js";
import type { ConnackPacket, DisconnectPacket } from "../codec/packets.js";
import { MqttError, type ProtocolError, RefusedError, TimeoutError, TransportError, UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Timer } from "../platform/clock.js";
import type { Platform } from "../platform/platform.js";
import { connectPacket, disconnectPacket } from "./client-packets.js";
import { PacketReader } from "./packet-reader.js";
import { fault, hex } from "./reason-rules.js";
import { SmallConnection } from "./small-connection.js";
import type { SmallServer, SmallSettings } from "./small-options.js";
import type { SmallSession } from "./small-session.js";

export interface SmallConnectorOwner {
  emit<Name extends "disconnected" | "reconnecting">(name: Name, value: ClientEvents[Name]): void;
  /** There will be no further attempt. */
  finish(error: MqttError): void;
}

/** One attempt and, if it succeeds, the life of that connection. */
interface Link {
  readonly server: SmallServer;
  connection: SmallConnection | undefined;
  /** Whether CONNECT asked for a session that begins. */
  cleanStart: boolean;
  timer: Timer;
  /** What an attempt comes to; undefined once CONNACK has accepted. */
  answer: { resolve(connack: ConnackPacket): void; reject(error: MqttError): void } | undefined;
  /** Gives up dialling. */
  readonly dialling: AbortController;
  /** Stops listening to the application's signal. */
  release(): void;
}

/** Codes of CONNACK after which trying again cannot help: the return codes of 3.1.1, then the reason codes. */
const FINAL = [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c];
/** Of them, what other credentials may change, and how many of these in a row are taken for chance where they are asked for anew. */
const ABOUT_CREDENTIALS = [4, 5, 0x86, 0x87];
const MOST_REFUSALS = 3;
const TAKEN_OVER = 0x8e;
const UNSPECIFIED_ERROR = 0x80;
/** Milliseconds between looks at the session's deadline, which may move, and between the attempts that wakes lead to. */
const LOOK_AGAIN = 60_000;
const WAKE_INTERVAL = 1_000;
const LONGEST_PACKET = 268_435_460;

export class SmallConnector {
  readonly #servers: SmallServer[];
  readonly #settings: SmallSettings;
  readonly #platform: Platform;
  readonly #session: SmallSession;
  readonly #owner: SmallConnectorOwner;
  readonly #policy: ReconnectPolicy;
  #link: Link | undefined;
  /** Until the next attempt. */
  #waiting: Timer | undefined;
  #state: "idle" | "started" | "stopped" = "idle";
  #triedAt = 0;
  #dueAt = 0;
  #assignedClientId: string | undefined;
  /** Whether there was a connection: a clean start again would throw the session away that the client comes back for. */
  #established = false;
  /** Refusals of credentials in a row. */
  #refusals = 0;
  #stopListening: (() => void) | undefined;
  #gone: (() => void) | undefined;

  constructor(settings: SmallSettings, platform: Platform, session: SmallSession, owner: SmallConnectorOwner) {
    this.#servers = [...settings.servers];
    this.#settings = settings;
    this.#platform = platform;
    this.#session = session;
    this.#owner = owner;
    this.#policy = new ReconnectPolicy(settings.reconnect, platform.random);
  }

  get clientId(): string {
    return this.#assignedClientId ?? this.#settings.fields.clientId;
  }

  /** The server of the present connection. */
  get server(): string {
    return this.#link?.server.name ?? "";
  }

  get isOnline(): boolean {
    return this.#link !== undefined && this.#link.answer === undefined;
  }

  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  get congested(): boolean {
    return this.#link?.connection?.congested ?? true;
  }

  write(packet: Uint8Array): void {
    this.#link?.connection?.write(packet);
  }

  /** The first round of attempts. Rejects with the last one's error. */
  async start(signal: AbortSignalLike | undefined): Promise<ConnackPacket> {
    if (this.#state !== "idle") throw new UsageError("ALREADY_CONNECTED", "connect: was called before");
    this.#state = "started";
    try {
      return await this.#round(signal);
    } catch (error) {
      if (!this.isStopped) this.#state = "idle";
      throw error;
    }
  }

  /** Ends for good, after sending what is written. Resolves when the network connection is closed. */
  async stop(patience: number): Promise<void> {
    this.#state = "stopped";
    this.#stopListening?.();
    this.#waiting?.cancel();
    const gone =
      this.#link?.connection &&
      new Promise<void>((resolve) => {
        this.#gone = resolve;
      });
    this.#end(new UsageError("CLIENT_CLOSED", "connect: the client is closed"), this.isOnline ? patience : undefined);
    await gone;
  }

  /** CONNACK has accepted. */
  accepted(connack: ConnackPacket): void {
    const link = this.#link as Link;
    const { answer } = link;
    if (connack.sessionPresent && link.cleanStart) throw fault("connack: a session after cleanStart"); // [MQTT5-3.2.2-4]
    link.answer = undefined;
    link.release();
    const { clock, onWake } = this.#platform;
    this.#assignedClientId = connack.properties?.assignedClientIdentifier ?? this.#assignedClientId;
    this.#established = true;
    this.#refusals = 0;
    this.#policy.connected(clock.now());
    this.#stopListening ??= onWake?.(() => this.#wake());
    this.#watch();
    answer?.resolve(connack);
  }

  /** The server said no, or goodbye. */
  refused({ type, reasonCode, properties }: ConnackPacket | DisconnectPacket): void {
    const code =
      type === "connack" ? "CONNECT_REFUSED" : reasonCode === TAKEN_OVER ? "TAKEN_OVER" : "DISCONNECTED_BY_SERVER";
    const message = `${this.server}, clientId "${this.clientId}": ${type} with reason code ${hex(reasonCode)}`;
    this.#end(new RefusedError(code, reasonCode, message, properties), 0);
  }

  /** Ends the present connection for this reason, and tells the server if it can be told [MQTT5-4.12.1-2]. */
  fail(error: MqttError): void {
    if (this.isOnline && this.#settings.version === 5 && !(error instanceof TransportError)) {
      const { reasonCode = UNSPECIFIED_ERROR } = error as Partial<ProtocolError>;
      this.write(disconnectPacket(5, reasonCode));
      this.#end(error, 0);
    } else {
      this.#end(error);
    }
  }

  /** Stops reading, or goes on, which may deliver what was held before this returns. */
  setPaused(paused: boolean): void {
    const { connection } = this.#link ?? {};
    if (paused) connection?.transport.pause();
    this.#session.setDeaf(paused, this.#platform.clock.now());
    if (!paused) connection?.transport.resume();
  }

  /** Each server once; one that fails goes to the end of the list. */
  async #round(signal: AbortSignalLike | undefined): Promise<ConnackPacket> {
    this.#triedAt = this.#platform.clock.now();
    let failure: MqttError | undefined;
    for (const server of [...this.#servers]) {
      try {
        return await this.#attempt(server, signal);
      } catch (error) {
        failure = error as MqttError;
        if (isFinal(failure) || this.isStopped) break;
        this.#servers.push(this.#servers.shift() as SmallServer);
      }
    }
    throw failure;
  }

  #attempt(server: SmallServer, signal: AbortSignalLike | undefined): Promise<ConnackPacket> {
    return new Promise((resolve, reject) => {
      const { connectTimeout } = this.#settings;
      const dialling = new AbortController();
      const abort = (): void =>
        this.#end(new UsageError("ABORTED", "connect: aborted by its signal", { cause: signal?.reason }));
      const timer = this.#platform.clock.schedule(connectTimeout, () =>
        this.#end(new TimeoutError("CONNECT_TIMEOUT", `${server.name}: no CONNACK within ${connectTimeout} ms`)),
      );
      const release = (): void => signal?.removeEventListener("abort", abort);
      const link: Link = {
        server,
        connection: undefined,
        cleanStart: false,
        timer,
        answer: { resolve, reject },
        dialling,
        release,
      };
      this.#link = link;
      signal?.addEventListener("abort", abort);
      if (signal?.aborted) abort();
      this.#introduce(link).catch((error: unknown) => {
        if (this.#link === link) this.#end(asMqttError(error, `cannot connect to ${server.name}`));
      });
    });
  }

  /** From nothing to CONNECT. */
  async #introduce(link: Link): Promise<void> {
    const { server } = link;
    const { clock } = this.#platform;
    const { version, fields, credentials, network, dial = this.#platform.dial } = this.#settings;
    const { username = server.username, password = server.password } = (await credentials?.(server.name)) ?? fields;
    link.cleanStart = fields.cleanStart && !(this.#established && version === 5);
    const { clientId } = this;
    const packet = connectPacket(version, { ...fields, clientId, cleanStart: link.cleanStart, username, password });
    if (this.#link !== link) return;
    const transport = await dial(server.address, link.dialling.signal, network);
    if (this.#link !== link) {
      transport.destroy();
      return;
    }
    const reader = new PacketReader(version, fields.properties.maximumPacketSize ?? LONGEST_PACKET);
    link.connection = new SmallConnection(transport, clock, reader, this.#session, {
      failed: (error) => this.fail(asMqttError(error, `the connection to ${server.name} failed`)),
      closed: (error) => {
        const why = `${server.name} closed the connection${error ? `: ${error.message}` : ""}`;
        // What a WebSocket had to say may come only now.
        const said = link.answer && error instanceof MqttError;
        if (this.#link === link) this.#end(said ? error : new TransportError("CONNECTION_LOST", why, { cause: error }));
        this.#gone?.();
      },
    });
    link.connection.write(packet);
    transport.start(link.connection);
  }

  /** @param patience milliseconds for what is written to leave; undefined: closes at once */
  #end(error: MqttError, patience?: number): void {
    const link = this.#link;
    if (link === undefined) return;
    const { connection, answer } = link;
    this.#link = undefined;
    connection?.end(patience);
    link.timer.cancel();
    link.release();
    if (!connection) link.dialling.abort(error);
    this.#session.lost();
    if (answer) {
      answer.reject(error);
    } else if (!this.isStopped) {
      this.#owner.emit("disconnected", { error });
      this.#retry(error);
    }
  }

  #retry(error: MqttError): void {
    if (this.isStopped) return;
    const delay = this.#isOver(error) ? undefined : this.#policy.next(this.#platform.clock.now());
    if (delay === undefined) {
      this.#state = "stopped";
      this.#stopListening?.();
      this.#owner.finish(error);
      return;
    }
    this.#wait(delay);
    this.#owner.emit("reconnecting", { attempt: this.#policy.attempts, delay, error });
  }

  /** Whether trying again cannot help. A token that had just expired is another one at the next attempt. */
  #isOver(error: MqttError): boolean {
    const about = ABOUT_CREDENTIALS.includes((error as RefusedError).reasonCode);
    return isFinal(error) && !(about && this.#settings.credentials && ++this.#refusals <= MOST_REFUSALS);
  }

  #wait(delay: number): void {
    this.#dueAt = this.#platform.clock.now() + delay;
    this.#waiting = this.#platform.clock.schedule(delay, () => {
      this.#waiting = undefined;
      this.#round(undefined).catch((error: MqttError) => this.#retry(error));
    });
  }

  /** The platform says that it is time to look: at the connection if there is one, else for a server. */
  #wake(): void {
    if (this.isOnline) this.#watch();
    if (this.#waiting === undefined || this.isStopped) return;
    this.#waiting.cancel();
    const at = Math.min(this.#dueAt, this.#triedAt + WAKE_INTERVAL);
    this.#wait(Math.max(0, at - this.#platform.clock.now()));
  }

  /** One timer a connection: it looks at the session's deadline when it fires, and not at every packet. */
  #watch(): void {
    const { clock } = this.#platform;
    const link = this.#link as Link;
    const error = this.#session.advance(clock.now());
    if (error) this.#end(error);
    if (this.#link !== link) return; // also if PINGREQ was more than may wait for a server that does not read
    link.timer.cancel();
    const left = this.#session.deadline() - clock.now();
    link.timer = clock.schedule(Math.max(0, Math.min(left, LOOK_AGAIN)), () => this.#watch());
  }
}

function isFinal(error: MqttError): boolean {
  return (
    error instanceof UsageError ||
    (error instanceof RefusedError &&
      (error.code === "TAKEN_OVER" || (error.code === "CONNECT_REFUSED" && FINAL.includes(error.reasonCode))))
  );
}

function asMqttError(error: unknown, what: string): MqttError {
  if (error instanceof MqttError) return error;
  return new TransportError("CONNECTION_FAILED", `${what}: ${error}`, { cause: error });
}
