// An uplink on a spool in memory, with a scripted server and a fake clock.

import { FakeClock, type ScriptedPeer, ScriptedServer } from "@aiko/mqtt/testing";
import { Log } from "@aiko/mqtt-configuration";
import { MemoryFileSystem, Spool, type SpooledRecord, type SpoolRecord } from "@aiko/mqtt-store";
import { expectBalanced } from "../../../store/test/spool/spool-checks.ts";
import type { UplinkSettings } from "../../src/configuration/configuration.ts";
import { Uplink, type UplinkParts } from "../../src/uplink/uplink.ts";

export const settings: UplinkSettings = {
  url: "mqtt://server",
  clientId: "gateway",
  username: undefined,
  password: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  passphrase: undefined,
  version: 5,
  keepAlive: 30_000,
  sessionExpiry: 604_800_000,
  inflight: 3,
  rate: 0,
  bandwidth: 0,
  reconnect: { min: 500, max: 60_000 },
  stuck: 60_000,
};

/** A record as the server receives it. */
interface Published {
  readonly topic: string;
  readonly packetIdentifier: number;
  readonly qos: number;
  readonly retain: boolean;
}

/** A peer, and what it received before the gateway's own messages. */
export type Connection = ScriptedPeer & { readonly resent: readonly Published[] };

export class UplinkBench {
  readonly clock = new FakeClock();
  readonly server = new ScriptedServer(this.clock);
  readonly lines: string[] = [];
  readonly refused: [string, string][] = [];

  private constructor(
    readonly spool: Spool,
    readonly uplink: Uplink,
  ) {}

  static async open(
    changes: Partial<UplinkSettings> = {},
    others: readonly UplinkSettings[] = [],
    watched?: UplinkParts["watched"],
  ): Promise<UplinkBench> {
    let bench: UplinkBench | undefined;
    const clock = new FakeClock();
    const server = new ScriptedServer(clock);
    const wallTime = (): number => 1_800_000_000_000 + clock.now();
    const spool = await Spool.open("spool", {
      fileSystem: new MemoryFileSystem(),
      clock: { now: () => clock.now(), wallTime },
    });
    const uplink = new Uplink({
      spool,
      backlog: [],
      uplinks: [{ ...settings, ...changes }, ...others],
      statusTopic: "gw/status",
      birth: () => [{ topic: "gw/info", payload: "{}" }],
      watched,
      refused: ({ topic }: SpooledRecord, reason) => bench?.refused.push([topic, reason]),
      changed: () => {},
      platform: server.platform,
      wallTime,
      log: new Log("debug", "text", (line) => bench?.lines.push(line), wallTime),
    });
    bench = new UplinkBench(spool, uplink);
    Object.assign(bench, { clock, server });
    return bench;
  }

  /** Accepts a connection and waits for the gateway's own messages. Before them, the client sends again what was not acknowledged. */
  async accept(connack: Parameters<ScriptedServer["accept"]>[0] = {}): Promise<Connection> {
    this.uplink.start();
    const peer = await this.clock.until(this.server.accept(connack));
    const resent: Published[] = [];
    for (const own of new Set(["gw/status", "gw/info"])) {
      let published = await this.publish(peer);
      while (published.topic !== own) {
        resent.push(published);
        published = await this.publish(peer);
      }
    }
    await this.clock.tick();
    return Object.assign(peer, { resent });
  }

  append(...topics: string[]): Promise<void> {
    return this.appendRecords(topics.map((topic) => ({ topic, payload: new Uint8Array([1]) })));
  }

  async appendRecords(records: readonly SpoolRecord[]): Promise<void> {
    await this.clock.until(this.spool.append("a", records));
    await this.clock.tick();
  }

  /** The source's counts, checked. */
  counts(): Spool["statistics"]["sources"][string] | undefined {
    expectBalanced(this.spool);
    return this.spool.statistics.sources["a"];
  }

  /** The next record that the server receives. */
  async publish(
    peer: ScriptedPeer,
  ): Promise<{ topic: string; packetIdentifier: number; qos: number; retain: boolean }> {
    const { topic, packetIdentifier = 0, qos, retain } = await this.clock.until(peer.expect("publish"));
    return { topic, packetIdentifier, qos, retain };
  }

  async acknowledge(peer: ScriptedPeer, packetIdentifier: number, reasonCode = 0): Promise<void> {
    peer.send({ type: "puback", packetIdentifier, reasonCode });
    await this.clock.tick();
  }
}
