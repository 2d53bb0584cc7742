/**
 * Enhanced authentication of MQTT 5 [MQTT5 4.12]: passes the server's challenges to the application's callbacks, at
 * each connection and on reauthentication. It implements no authentication method itself.
 */

import type { AuthPacket } from "../../codec/packets.js";
import type { ConnackProperties } from "../../codec/properties.js";
import { ClosedError, type MqttError, RefusedError } from "../../errors.js";
import { CONTINUE_AUTHENTICATION, NOT_AUTHORIZED, RE_AUTHENTICATE } from "../../reason-code.js";

/** The Authentication Data of a packet, if there is any. */
export type AuthenticationData = Uint8Array | undefined;

/**
 * Implements an authentication method such as SCRAM-SHA-256. If a callback throws, the client closes the connection and
 * does not connect again.
 */
export interface AuthenticationOptions {
  /** The name of the authentication method. */
  readonly method: string;
  /**
   * Starts an exchange. Returns the Authentication Data of CONNECT, or of AUTH when authenticating again. Default: no
   * data.
   */
  readonly begin?: (() => AuthenticationData | Promise<AuthenticationData>) | undefined;
  /** Returns the answer to the server's data. */
  respond(data: AuthenticationData): AuthenticationData | Promise<AuthenticationData>;
  /**
   * Receives the data that the server sent with its success, for methods that authenticate the server too. Default:
   * none.
   */
  readonly finish?: ((data: AuthenticationData) => void | Promise<void>) | undefined;
}

export class Authenticator {
  /** Counts exchanges, so that a slow callback of an earlier exchange sends nothing in a later one. */
  private exchange = 0;
  private again: { resolve(): void; reject(error: MqttError): void } | undefined;

  /**
   * @param say sends AUTH over the current connection
   * @param fail ends the current connection
   */
  constructor(
    private readonly options: AuthenticationOptions,
    private readonly say: (reasonCode: number, data: AuthenticationData) => void,
    private readonly fail: (error: MqttError) => void,
  ) {}

  /** Returns the method and the data of CONNECT. */
  async begin(): Promise<{ readonly method: string; readonly data: AuthenticationData }> {
    this.exchange++;
    const { method } = this.options;
    try {
      return { method, data: await this.options.begin?.() };
    } catch (error) {
      throw this.failure(error);
    }
  }

  accepted({ authenticationData }: ConnackProperties): void {
    this.run(() => this.options.finish?.(authenticationData));
  }

  received(packet: AuthPacket): void {
    const data = packet.properties?.authenticationData;
    if (packet.reasonCode === CONTINUE_AUTHENTICATION) {
      this.run(async (current) => {
        const answer = await this.options.respond(data);
        if (current()) this.say(CONTINUE_AUTHENTICATION, answer);
      });
      return;
    }
    this.run(async (current) => {
      await this.options.finish?.(data);
      if (!current()) return;
      this.again?.resolve();
      this.again = undefined;
    });
  }

  /** Authenticates again over the current connection. */
  async authenticateAgain(): Promise<void> {
    if (this.again !== undefined)
      throw new ClosedError(
        "NOT_CONNECTED",
        "reauthenticate: the previous reauthentication is still in progress; await it first",
      );
    const done = new Promise<void>((resolve, reject) => {
      this.again = { resolve, reject };
    });
    done.catch(() => undefined); // it may reject before this function awaits it
    const { again } = this;
    try {
      const begun = await Promise.race([this.begin(), done]); // `done` rejects if the connection is lost meanwhile
      if (begun) this.say(RE_AUTHENTICATE, begun.data);
    } catch (error) {
      if (this.again === again) this.again = undefined;
      throw error;
    }
    return done;
  }

  /** Called when the connection is lost, which also ends its exchange. */
  lost(error: MqttError): void {
    this.exchange++;
    this.again?.reject(error);
    this.again = undefined;
  }

  /** Runs a callback of the application. If the callback fails, the exchange fails. */
  private run(work: (current: () => boolean) => unknown): void {
    const { exchange } = this;
    const current = (): boolean => exchange === this.exchange;
    const failed = (error: unknown): void => {
      if (current()) this.fail(this.failure(error));
    };
    try {
      Promise.resolve(work(current)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  private failure(error: unknown): RefusedError {
    const why = error instanceof Error ? error.message : String(error);
    const message = `authentication with method ${this.options.method} failed: ${why}`;
    return new RefusedError("AUTHENTICATION_FAILED", NOT_AUTHORIZED, message);
  }
}
