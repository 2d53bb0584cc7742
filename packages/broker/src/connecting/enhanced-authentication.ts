/**
 * The enhanced authentication of one connection [MQTT5 4.12]: runs the application's function for the client's method,
 * when it connects and when it authenticates again, and passes challenges and answers between the two.
 */

import { type Clock, ClosedError, ProtocolError, UsageError } from "@aiko/mqtt";
import { type AuthPacket, type DisconnectProperties, ReasonCode } from "@aiko/mqtt/codec";
import type { AuthenticationExchange, AuthenticationMethod, ConnectRequest } from "../options/authentication.js";
import type { BrokerSettings } from "../options/broker-options.js";
import { disconnectCodeOf } from "./return-codes.js";
import { type Accepted, isAccepted, LONGEST_DATA, type Refused, verdictOf } from "./verdict.js";

/** What an exchange needs of its connection. */
export interface AuthenticatedConnection {
  /** Sends AUTH to the client. Before CONNACK, the client's answer is then read. */
  challenge(packet: AuthPacket): void;
  close(reasonCode: number, reason: string, properties?: DisconnectProperties): void;
}

/** A client that was accepted. */
interface AuthenticatedClient {
  readonly identity: string | undefined;
  readonly session: { write(packet: AuthPacket): void };
}

/** Receives the result of an exchange, unless the connection ends first. */
export type Decided = (verdict: Accepted | Refused) => void;

export class EnhancedAuthentication {
  private current: Exchange | undefined;
  /** When a re-authentication must have ended, by the clock. */
  private mustEnd = Infinity;

  constructor(
    private readonly method: string,
    private readonly implement: AuthenticationMethod,
    private readonly request: ConnectRequest,
    private readonly connection: AuthenticatedConnection,
    private readonly settings: Pick<BrokerSettings, "clock" | "maximumChallenges" | "reauthenticationTimeout">,
  ) {}

  /** Runs the method for CONNECT. */
  begin(decided: Decided): void {
    this.run(this.request.connect.properties?.authenticationData, false, decided);
  }

  /**
   * Handles an AUTH packet of the client.
   *
   * @param client undefined before it is accepted
   * @throws ProtocolError if the client must not send it now
   */
  received(packet: AuthPacket, client: AuthenticatedClient | undefined): void {
    const { authenticationMethod, authenticationData } = packet.properties ?? {};
    if (authenticationMethod !== this.method)
      throw wrong("the authentication method must be the one of CONNECT [MQTT5-4.12.0-5]");
    if (packet.reasonCode === ReasonCode.CONTINUE_AUTHENTICATION) {
      if (!this.current?.answered(authenticationData)) throw wrong("there is no challenge to answer");
    } else if (packet.reasonCode === ReasonCode.RE_AUTHENTICATE && client !== undefined) {
      if (this.current !== undefined) throw wrong("the client is already authenticating");
      this.mustEnd = this.clock.now() + this.settings.reauthenticationTimeout;
      this.run(authenticationData, true, (verdict) => this.authenticatedAgain(client, verdict));
    } else {
      throw wrong(`reason code ${packet.reasonCode} is not allowed now`);
    }
  }

  /** Returns the deadline of the re-authentication. Infinity if there is none. */
  deadline(): number {
    return this.mustEnd;
  }

  /** Ends the exchange, because the connection has ended. */
  end(): void {
    this.settle();
  }

  private authenticatedAgain(client: AuthenticatedClient, verdict: Accepted | Refused): void {
    if (!isAccepted(verdict)) {
      const { reasonCode, reason, properties } = verdict;
      this.connection.close(disconnectCodeOf(reasonCode), reason, properties);
    } else if (verdict.identity !== client.identity) {
      this.connection.close(ReasonCode.NOT_AUTHORIZED, "the client re-authenticated with another identity");
    } else {
      client.session.write(this.packet(ReasonCode.SUCCESS, verdict.data));
    }
  }

  private packet(reasonCode: number, data: Uint8Array | undefined): AuthPacket {
    const properties = { authenticationMethod: this.method, authenticationData: data };
    return { type: "auth", reasonCode, properties };
  }

  private get clock(): Clock {
    return this.settings.clock;
  }

  private settle(): void {
    const exchange = this.current;
    this.current = undefined;
    this.mustEnd = Infinity;
    exchange?.end();
  }

  private run(data: Uint8Array | undefined, reauthentication: boolean, decided: Decided): void {
    const { method, request } = this;
    const conclude = (verdict: Accepted | Refused): void => {
      if (this.current !== exchange) return; // the connection has ended, or the exchange was refused
      this.settle();
      decided(verdict);
    };
    const send = (challenge: Uint8Array | undefined): void =>
      this.connection.challenge(this.packet(ReasonCode.CONTINUE_AUTHENTICATION, challenge));
    const exhausted = (): void =>
      conclude({
        reasonCode: ReasonCode.NOT_AUTHORIZED,
        reason: `the method "${method}" sent maximumChallenges ${this.settings.maximumChallenges}`,
      });
    const exchange = new Exchange(request, data, reauthentication, this.settings.maximumChallenges, send, exhausted);
    this.current = exchange;
    const asked = `the method "${method}"`;
    const fail = (error: unknown): void =>
      conclude({ reasonCode: ReasonCode.SERVER_UNAVAILABLE, reason: `${asked} failed: ${error}` });
    try {
      Promise.resolve(this.implement(exchange)).then(
        (answer) => conclude(verdictOf(answer, asked, ReasonCode.NOT_AUTHORIZED)),
        fail,
      );
    } catch (error) {
      fail(error);
    }
  }
}

class Exchange implements AuthenticationExchange {
  private waiting: { resolve(data: Uint8Array | undefined): void; reject(error: ClosedError): void } | undefined;
  private challenges = 0;
  private over = false;

  constructor(
    readonly request: ConnectRequest,
    readonly data: Uint8Array | undefined,
    readonly reauthentication: boolean,
    private readonly maximum: number,
    private readonly send: (data: Uint8Array | undefined) => void,
    private readonly exhausted: () => void,
  ) {}

  async challenge(data?: Uint8Array): Promise<Uint8Array | undefined> {
    if (data !== undefined && (!(data instanceof Uint8Array) || data.length > LONGEST_DATA))
      throw new UsageError("PROPERTY_INVALID", `challenge: data must be a Uint8Array of at most ${LONGEST_DATA} bytes`);
    if (this.waiting !== undefined)
      throw new UsageError("PROPERTY_INVALID", "challenge: the previous challenge is not answered yet; await it first");
    if (++this.challenges > this.maximum) this.exhausted();
    if (this.over) throw ended();
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.send(data);
    });
  }

  /** Returns false if there is no challenge to answer. */
  answered(data: Uint8Array | undefined): boolean {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(data);
    return waiting !== undefined;
  }

  end(): void {
    this.over = true;
    this.waiting?.reject(ended());
    this.waiting = undefined;
  }
}

function ended(): ClosedError {
  return new ClosedError("NOT_CONNECTED", "challenge: the connection or the exchange has ended");
}

function wrong(rule: string): ProtocolError {
  return new ProtocolError("PROTOCOL_ERROR", ReasonCode.PROTOCOL_ERROR, `auth: ${rule}`);
}
