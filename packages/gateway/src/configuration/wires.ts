/** What each kind of source has of its own: how its wire is opened. Knows nothing of what comes over it. */

import type { Address, PemSettings } from "@aiko/mqtt-configuration";

export type { Address, PemSettings } from "@aiko/mqtt-configuration";

/** A Unix socket. */
export interface UnixPath {
  readonly path: string;
  /** The permissions of the file. */
  readonly mode: number;
}

/** What is done to a wire that can be written to. */
export interface LineControl {
  /** What is written as soon as the wire is open. Undefined: nothing. */
  readonly greeting: string | undefined;
}

/** The bounds of a source to which devices connect. */
interface ConnectionLimits {
  readonly maxConnections: number;
  /** Milliseconds without a byte after which a connection is closed; 0: never. */
  readonly idle: number;
}

/** How to log in to an MQTT server. */
export interface ServerConnection extends PemSettings {
  readonly url: string;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly version: 5 | 4 | 3 | "auto";
  readonly keepAlive: number;
  readonly sessionExpiry: number;
}

export interface TcpServerWire extends LineControl, ConnectionLimits {
  readonly kind: "tcp-server";
  readonly listen: Address;
  /** Addresses or networks ("192.168.1.0/24", "fd00::/8") that may connect. Empty: all. */
  readonly allow: readonly string[];
  /** If it has authorities, clients must have a certificate of one of them. Undefined: without TLS. */
  readonly tls: PemSettings | undefined;
}

export interface TcpWire extends LineControl {
  readonly kind: "tcp";
  readonly connect: Address;
  /** Undefined: without TLS. */
  readonly tls: PemSettings | undefined;
  /** Milliseconds; 0: none. */
  readonly keepAlive: number;
}

export interface UnixWire extends UnixPath, LineControl, ConnectionLimits {
  readonly kind: "unix";
  /** Whether devices connect to the gateway, or the gateway to the device. */
  readonly listen: boolean;
}

export interface SerialWire extends LineControl {
  readonly kind: "serial";
  /** A path, or a pattern that exactly one device matches. */
  readonly device: string;
  readonly baud: number;
  readonly data: 5 | 6 | 7 | 8;
  readonly parity: "none" | "even" | "odd";
  readonly stop: 1 | 2;
  readonly flow: "none" | "rtscts" | "xonxoff";
  /** Undefined: as the driver sets it. */
  readonly dtr: boolean | undefined;
  readonly rts: boolean | undefined;
  /** Whether both directions share the wires, so that the line must rest between them. */
  readonly rs485: boolean;
  readonly exclusive: boolean;
  /** Milliseconds after the opening in which the line is not used. */
  readonly openDelay: number;
  /** Whether what has come before is discarded. */
  readonly atOpen: "flush" | "keep";
  readonly driver: "auto" | "tty" | "serialport";
}

export interface UdpWire {
  readonly kind: "udp";
  readonly listen: Address;
  /** Addresses or networks that may send. Empty: all. */
  readonly allow: readonly string[];
  /** The most senders that are remembered. */
  readonly maxSenders: number;
  /** The multicast group to join. Undefined: none. */
  readonly multicast: string | undefined;
}

export interface ExecWire extends LineControl {
  readonly kind: "exec";
  /** The program and its arguments. There is no shell. */
  readonly run: readonly string[];
  readonly cwd: string | undefined;
  /** Variables in addition to those of the gateway. */
  readonly env: Readonly<Record<string, string>>;
  /** The delays before the command is started again, in milliseconds. */
  readonly restart: { readonly min: number; readonly max: number };
  /** Milliseconds from one start to the next. Undefined: the command runs for ever. */
  readonly every: number | undefined;
  /** Milliseconds that one of these runs may take; Infinity if the command runs for ever. */
  readonly timeout: number;
}

export interface MqttWire extends ServerConnection {
  readonly kind: "mqtt";
  readonly subscribe: readonly { readonly filter: string; readonly qos: 0 | 1 | 2 }[];
}
