/**
 * One attempt to connect: one server, one protocol version, from the credentials to CONNACK. It ends exactly once,
 * whatever the platform and the application's functions do.
 */

import type { ProtocolVersion } from "../../codec/packets.js";
import { type MqttError, toMqttError } from "../../errors.js";
import type { Platform } from "../../platform/platform.js";
import { utf8Bytes } from "../../platform/text.js";
import type { Transport } from "../../platform/transport.js";
import type { ClientSession } from "../../session/client-session.js";
import { type AbortSource, orAborted } from "../abort-source.js";
import type { Connected } from "../client-events.js";
import type { ClientSettings } from "../connect-options.js";
import type { StoreWriter } from "../storing/store-writer.js";
import type { Authenticator } from "./authenticator.js";
import { Connection, type ConnectionEvents } from "./connection.js";
import { given } from "./given-function.js";
import type { ServerUrl } from "./server-url.js";

/** What all attempts of a client share. */
export interface AttemptContext {
  readonly settings: ClientSettings;
  readonly platform: Platform;
  readonly session: ClientSession;
  readonly storeWriter: StoreWriter | undefined;
  readonly authenticator: Authenticator | undefined;
}

/** Milliseconds that a server may take to end a session and close the connection. */
const PARTING = 1_000;

export class Attempt {
  /** Set from CONNECT until its answer. */
  connection: Connection | undefined;
  private settle:
    | { resolve(connected: Connected | undefined): void; reject(error: MqttError | undefined): void }
    | undefined;

  constructor(
    private readonly context: AttemptContext,
    readonly server: ServerUrl,
    private readonly version: ProtocolVersion,
    private readonly abort: AbortSource,
  ) {}

  /**
   * Resolves when CONNACK accepts. Resolves to undefined if the server had another client's session and has ended it:
   * the next attempt finds none.
   *
   * @param done called when the attempt ends
   */
  async run(clientId: string, events: ConnectionEvents, done: () => void): Promise<Connected | undefined> {
    const { abort, server, version } = this;
    try {
      const { settings, authenticator } = this.context;
      const { credentials } = settings;
      const own = credentials && given("credentials", () => credentials(server.name));
      const asked = own && (await orAborted(own, abort));
      const { username = server.username, password = server.password } = asked ?? settings;
      const authentication = authenticator && (await orAborted(authenticator.begin(), abort));
      const fields = { version, clientId, username, password: passwordBytes(password), authentication };
      const transport = await this.dial(); // last, because any later exception would have to close it
      const { platform, session, storeWriter } = this.context;
      const { maximumPacketSize } = settings;
      if (abort.aborted) {
        transport.destroy();
        throw abort.reason;
      }
      const { clock } = platform;
      return await this.introduce(
        new Connection(transport, server.name, fields, session, clock, storeWriter, maximumPacketSize, events),
      );
    } catch (error) {
      throw abort.aborted ? abort.reason : toMqttError(error, `cannot connect to ${server.name}`);
    } finally {
      done();
    }
  }

  accepted(connected: Connected): void {
    this.connection = undefined;
    this.settle?.resolve(connected);
  }

  /** Called if the server has a session that is not this client's. */
  foreign(): void {
    const { connection, settle } = this;
    this.connection = undefined; // so that the end of the connection does not end the attempt
    if (connection === undefined) return;
    void connection.gone().then(() => settle?.resolve(undefined));
    connection.end(undefined, PARTING);
  }

  /** Called when the connection has ended. */
  ended(error: MqttError | undefined): void {
    this.settle?.reject(error);
  }

  /**
   * Stops when the attempt is aborted, even if the platform's dial ignores the signal. A connection that opens later is
   * closed.
   */
  private async dial(): Promise<Transport> {
    const { abort, server } = this;
    const { settings, platform } = this.context;
    const { network, dial = platform.dial } = settings;
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

  /** Sends CONNECT over the open transport, and waits for CONNACK. */
  private introduce(connection: Connection): Promise<Connected | undefined> {
    const { abort, server } = this;
    return new Promise((resolve, reject) => {
      this.connection = connection;
      this.settle = { resolve, reject };
      abort.addEventListener("abort", () => {
        connection.abort(abort.reason as MqttError);
        reject(abort.reason); // `ended` is not called for an attempt that was stopped
      });
      try {
        connection.open();
      } catch (error) {
        connection.abort(toMqttError(error, `cannot connect to ${server.name}`)); // CONNECT cannot be encoded
      }
    });
  }
}

function passwordBytes(password: string | Uint8Array | undefined): Uint8Array | undefined {
  return typeof password === "string" ? utf8Bytes(password) : password;
}
