// A client under test and its server, byte by byte: both on a fake clock, and the test acts as the server. The client's
// packets are read here without the codec, so that a fault in the codec cannot hide itself.
import { type Client, type ConnectOptions, createClient, type SubscribeOptions, type Subscription } from "@aiko/mqtt";
import { FakeClock, type LinkFaults, type ScriptedPeer, ScriptedServer, SeededRandom } from "@aiko/mqtt/testing";
import { expect } from "vitest";

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

export function hexOf(bytes: Uint8Array | string): string {
  return Buffer.from(bytes).toString("hex");
}

/** A two-byte length and the text as UTF-8. */
export function str(text: string): string {
  return hexOf(Uint8Array.of(Buffer.byteLength(text) >> 8, Buffer.byteLength(text))) + hexOf(text);
}

export function twoByte(value: number): string {
  return hexOf(Uint8Array.of(value >> 8, value));
}

/** A PUBREL. */
const PUBREL = /^6[2a]02(....)$/;

/**
 * One connection, seen from the server. A PUBREL for an identifier that had no PUBREC clears the identifier of an
 * earlier process's message: it is answered here, and not shown.
 */
export class Wire {
  private read = 0;

  /** @param taken the identifiers, in hexadecimal, that had PUBREC over any connection */
  constructor(
    private readonly peer: ScriptedPeer,
    private readonly clock: FakeClock,
    private readonly taken: Set<string>,
  ) {}

  /** What the client has sent since the last call, in hexadecimal. */
  async heard(): Promise<string> {
    return (await this.packets()).join("");
  }

  /** The same, split into packets. */
  async packets(): Promise<string[]> {
    const packets = cut(await this.take());
    const clearing = packets.filter((packet) => {
      const identifier = PUBREL.exec(packet)?.[1];
      return identifier !== undefined && !this.taken.has(identifier);
    });
    if (clearing.length === 0) return packets;
    await this.say(...clearing.map((packet) => `7002${packet.slice(4)}`));
    return [...packets.filter((packet) => !clearing.includes(packet)), ...(await this.packets())];
  }

  /** Sends these bytes, and lets the client process them. */
  async say(...hex: string[]): Promise<void> {
    for (const each of hex) if (each.startsWith("5002")) this.taken.add(each.slice(4));
    this.peer.send(bytesOf(hex.join("")));
    await this.clock.tick();
  }

  /** Sends them and returns the client's answer. */
  async ask(...hex: string[]): Promise<string> {
    await this.say(...hex);
    return this.heard();
  }

  async cut(): Promise<void> {
    this.peer.cut();
    await this.clock.tick();
  }

  get isClosed(): boolean {
    return this.peer.isClosed;
  }

  private async take(): Promise<Uint8Array> {
    await this.clock.tick();
    const { bytes } = this.peer;
    const fresh = bytes.subarray(this.read);
    this.read = bytes.length;
    return fresh;
  }
}

function cut(bytes: Uint8Array): string[] {
  const packets: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    let [length, shift, body] = [0, 0, at + 1];
    for (let more = true; more; shift += 7) {
      const byte = bytes[body++] as number;
      length += (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    packets.push(hexOf(bytes.subarray(at, body + length)));
    at = body + length;
  }
  return packets;
}

export class Room {
  readonly clock = new FakeClock();
  readonly server: ScriptedServer;
  private readonly taken = new Set<string>();

  /** @param version of the protocol that clients use here */
  constructor(
    private readonly version: 3 | 4,
    faults: (attempt: number) => LinkFaults = () => ({}),
  ) {
    this.server = new ScriptedServer(this.clock, faults);
  }

  /** A client with the identifier "c" and a session that is kept, unless the options change that. */
  create(options: ConnectOptions = {}): Client {
    const client = createClient("mqtt://server", {
      platform: { clock: this.clock, random: new SeededRandom(1), dial: this.server.dial },
      clientId: "c",
      protocolVersion: this.version,
      cleanStart: false,
      keepAlive: 0,
      ...options,
    });
    client.on("error", () => undefined);
    return client;
  }

  /** The next connection, before its CONNECT is read. Advances the time until there is one. */
  async dialled(): Promise<Wire> {
    let peer: ScriptedPeer | undefined;
    void this.server.next().then((next) => {
      peer = next;
    });
    for (let attempt = 0; attempt < 100; attempt++) {
      for (let i = 0; i < 5 && peer === undefined; i++) await this.clock.tick(); // the server needs ticks of its own
      if (peer !== undefined) return new Wire(peer, this.clock, this.taken);
      if (this.clock.nextTimer === Infinity) break;
      await this.clock.advance(this.clock.nextTimer - this.clock.now());
    }
    throw new Error("the client does not connect");
  }

  /** The next connection, after its CONNECT was read and accepted with this CONNACK. */
  async accept(connack = "20020000"): Promise<Wire> {
    const wire = await this.dialled();
    expect(await wire.heard()).toMatch(/^10/);
    await wire.say(connack);
    return wire;
  }

  /** A connected client, and its server. */
  async online(options: ConnectOptions = {}, connack = "20020000"): Promise<{ client: Client; wire: Wire }> {
    const client = this.create(options);
    const connecting = client.connect();
    const wire = await this.accept(connack);
    await connecting;
    return { client, wire };
  }

  /** The CONNECT for these options, without its fixed header; it is not answered. */
  async connectOf(options: ConnectOptions): Promise<ConnectBytes> {
    void this.create({ reconnect: false, ...options })
      .connect()
      .catch(() => undefined);
    return readConnect(bytesOf(await (await this.dialled()).heard()));
  }
}

/** Subscribes, lets the server grant the request, and returns the messages that arrive. */
export async function subscribed(
  client: Client,
  wire: Wire,
  topicFilter: string,
  options: SubscribeOptions = {},
): Promise<{ subscription: Subscription; topics: string[] }> {
  const topics: string[] = [];
  const { qos = 2 } = options;
  const subscribing = client.subscribe(topicFilter, { qos, onMessage: ({ topic }) => topics.push(topic), ...options });
  const packets = await wire.packets();
  const identifier = packets.at(-1)?.slice(4, 8) as string;
  await wire.say(`9003${identifier}0${qos}`);
  return { subscription: await subscribing, topics };
}

/** A PUBLISH without payload; `first` is its first byte. */
export function publish(first: number, topic: string, packetIdentifier = 0, payload = ""): string {
  const body = str(topic) + (packetIdentifier > 0 ? twoByte(packetIdentifier) : "") + hexOf(payload);
  return hexOf(Uint8Array.of(first, body.length / 2)) + body;
}

/** The state of a promise. Watching it also prevents the report of an unhandled rejection. */
export function watch<Result>(promise: Promise<Result>): { value?: Result; error?: unknown; settled: boolean } {
  const outcome: { value?: Result; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(outcome, { value, settled: true }),
    (error: unknown) => Object.assign(outcome, { error, settled: true }),
  );
  return outcome;
}

export interface ConnectBytes {
  readonly hex: string;
  readonly name: string;
  readonly level: number;
  readonly flags: number;
  readonly keepAlive: number;
  /** The payload's fields in order, each without its length; they end exactly where the packet ends. */
  readonly payload: readonly Uint8Array[];
}

function readConnect(bytes: Uint8Array): ConnectBytes {
  expect(bytes[0]).toBe(0x10);
  expect(bytes[1]).toBe(bytes.length - 2); // all of these are short
  const fields: Uint8Array[] = [];
  let at = 2;
  const field = (): Uint8Array => {
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    at += 2 + length;
    expect(at).toBeLessThanOrEqual(bytes.length);
    return bytes.subarray(at - length, at);
  };
  const name = Buffer.from(field()).toString();
  const [level = 0, flags = 0, high = 0, low = 0] = bytes.subarray(at, at + 4);
  at += 4;
  while (at < bytes.length) fields.push(field());
  return { hex: hexOf(bytes), name, level, flags, keepAlive: (high << 8) | low, payload: fields };
}
