// The deliveryId of a QoS 2 message, with kills and lost connections at each moment between PUBLISH and PUBCOMP. A
// repeated delivery keeps its identity, and no other message has it.
import { type Message, type Store, StoreError } from "@aiko/mqtt";
import type { ProtocolVersion } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { MortalStore, storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, message, subscribed, watch } from "./bench.ts";

/** A disk that can stop accepting writes, as if the process were killed before they finish, or reject them. */
class Disk implements Store {
  private readonly inner = new MortalStore(new MemoryStore());
  private readonly changed = storeAround(this.inner, (session) => ({
    write: async (changes) => {
      if (this.state === "stuck") return new Promise(() => undefined);
      if (this.state === "full") throw new StoreError("STORE_FULL", "the disk is full");
      return session.write(changes);
    },
  }));
  state: "working" | "stuck" | "full" = "working";

  open(name: string) {
    this.state = "working";
    return this.changed.open(name);
  }

  kill() {
    return this.inner.kill();
  }
}

interface Life {
  readonly sessionPresent?: boolean;
  readonly version?: ProtocolVersion;
  /** The handler's action. Default: it succeeds. */
  readonly handle?: (message: Message) => unknown;
}

/** A process with a subscribed client. `names` are the identities that its handler got. */
async function start(disk: Disk, { sessionPresent = false, version = 5, handle = () => undefined }: Life = {}) {
  const bench = new Bench();
  const options = { store: disk, protocolVersion: version, cleanStart: false } as const;
  const { client, peer } = await bench.online(options, { sessionPresent });
  client.on("error", () => undefined); // the error that handlers throw
  const names: (string | undefined)[] = [];
  const onMessage = (given: Message) => {
    names.push(given.deliveryId);
    return handle(given);
  };
  await subscribed(bench, client, peer, "#", { onMessage });
  return { bench, client, peer, names };
}

type Process = Awaited<ReturnType<typeof start>>;

async function publish({ bench, peer }: Pick<Process, "bench" | "peer">, packetIdentifier: number, dup = false) {
  await bench.deliver(peer, { ...message("a", "x", 2, packetIdentifier), dup });
}

/** The process is killed: writes that did not reach its disk are lost. */
const kill = (disk: Disk) => disk.kill();
const never = () => new Promise(() => undefined);
const fail = () => {
  throw new Error("not booked");
};

describe("a delivery that is repeated after a kill keeps its deliveryId", () => {
  test("if the process was killed in the handler, again and again", async () => {
    const disk = new Disk();
    const names: (string | undefined)[] = [];
    for (let life = 0; life < 4; life++) {
      const process = await start(disk, { sessionPresent: life > 0, handle: never });
      await publish(process, 7, life > 0);
      names.push(...process.names);
      await kill(disk);
    }
    expect(names).toHaveLength(4);
    expect(new Set(names).size).toBe(1);
  });

  test("if the handler had finished, but its PUBREC was not stored", async () => {
    const disk = new Disk();
    const first = await start(disk);
    disk.state = "stuck";
    await publish(first, 7);
    await first.peer.expectNothing();
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    await publish(second, 7, true);
    await second.peer.expect("pubrec");
    expect(second.names).toEqual(first.names);
  });

  test("if the store refused the PUBREC", async () => {
    const disk = new Disk();
    const first = await start(disk);
    disk.state = "full";
    await publish(first, 7);
    await first.bench.clock.tick();
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    await publish(second, 7, true);
    expect(second.names).toEqual(first.names);
  });

  test.each([4, 5] as const)("version %i: if its handler failed while the connection was lost", async (version) => {
    const disk = new Disk();
    let reject: (error: Error) => void = () => undefined;
    const first = await start(disk, { version, handle: () => new Promise((_, no) => (reject = no)) });
    await publish(first, 7);
    first.peer.cut();
    await first.bench.clock.tick();
    reject(new Error("not booked"));
    await first.bench.clock.tick();
    const peer = await first.bench.acceptAgain({ sessionPresent: true });
    await publish({ ...first, peer }, 7, true);
    expect(first.names).toHaveLength(2);
    await kill(disk);
    const second = await start(disk, { version, sessionPresent: true });
    await publish(second, 7, true);
    expect(new Set([...first.names, ...second.names]).size).toBe(1);
  });

  test("before MQTT 5: if its handler failed, and it was left unacknowledged", async () => {
    const disk = new Disk();
    const first = await start(disk, { version: 4, handle: fail });
    await publish(first, 7);
    await first.peer.expectNothing();
    await kill(disk);
    const second = await start(disk, { version: 4, sessionPresent: true });
    await publish(second, 7, true);
    await second.peer.expect("pubrec");
    expect(second.names).toEqual(first.names);
  });
});

describe("a delivery is not repeated", () => {
  test("in a running process, if the store rejected its PUBREC once", async () => {
    const disk = new Disk();
    const { bench, names, ...process } = await start(disk);
    disk.state = "full";
    await publish({ bench, ...process }, 7);
    disk.state = "working";
    const peer = await bench.acceptAgain({ sessionPresent: true });
    await publish({ bench, peer }, 7, true);
    await peer.expect("pubrec");
    expect(names).toHaveLength(1);
  });

  test("once its PUBREC is stored, whether or not it was sent", async () => {
    const disk = new Disk();
    const first = await start(disk);
    await publish(first, 7);
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    await publish(second, 7, true);
    await second.peer.expect("pubrec");
    expect(second.names).toEqual([]);
  });
});

describe("the next message with its packet identifier has another deliveryId", () => {
  /** A process that has acknowledged a first message with PUBREC. */
  async function received(disk: Disk) {
    const first = await start(disk);
    await publish(first, 7);
    await first.peer.expect("pubrec");
    return first;
  }

  const pubrel = { type: "pubrel", packetIdentifier: 7, reasonCode: 0 } as const;

  test("after PUBCOMP, in this process and the next", async () => {
    const disk = new Disk();
    const first = await received(disk);
    first.peer.send(pubrel);
    await first.peer.expect("pubcomp");
    await publish(first, 7);
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    second.peer.send(pubrel);
    await second.peer.expect("pubcomp");
    await publish(second, 7);
    expect(new Set([...first.names, ...second.names]).size).toBe(3);
  });

  test("after a kill between PUBREL and storing it", async () => {
    const disk = new Disk();
    const first = await received(disk);
    disk.state = "stuck";
    first.peer.send(pubrel);
    await first.peer.expectNothing();
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    second.peer.send(pubrel);
    await second.peer.expect("pubcomp");
    await publish(second, 7);
    expect(second.names).toHaveLength(1);
    expect(second.names).not.toEqual(first.names);
  });

  test("after a kill between storing PUBREL and PUBCOMP", async () => {
    const disk = new Disk();
    const first = await received(disk);
    first.peer.send(pubrel);
    await first.bench.clock.tick();
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    second.peer.send(pubrel); // PUBCOMP never arrived
    await second.peer.expect("pubcomp");
    await publish(second, 7);
    expect(second.names).toHaveLength(1);
    expect(second.names).not.toEqual(first.names);
  });

  test("after a refusal with reason code 0x83", async () => {
    const disk = new Disk();
    const first = await start(disk, { handle: fail });
    await publish(first, 7);
    expect(await first.peer.expect("pubrec")).toMatchObject({ reasonCode: 0x83 });
    await publish(first, 7);
    await kill(disk);
    const second = await start(disk, { sessionPresent: true });
    await publish(second, 7);
    expect(new Set([...first.names, ...second.names]).size).toBe(3);
  });

  test("after the server lost the session, even if the clock was set back", async () => {
    const disk = new Disk();
    const names: (string | undefined)[] = [];
    for (let life = 0; life < 3; life++) {
      const process = await start(disk, { handle: never }); // the clocks of all processes begin at the same time
      await publish(process, 7);
      names.push(...process.names);
      await kill(disk);
    }
    expect(new Set(names).size).toBe(3);
  });

  test("after the server lost the session while the handler was running", async () => {
    const disk = new Disk();
    let finish: () => void = () => undefined;
    const process = await start(disk, { handle: () => new Promise<void>((done) => (finish = done)) });
    await publish(process, 7);
    process.peer.cut();
    const peer = await process.bench.acceptAgain({ sessionPresent: false });
    finish();
    await publish({ ...process, peer }, 7);
    expect(process.names).toHaveLength(2);
    expect(new Set(process.names).size).toBe(2);
    await watch(process.client.disconnect());
  });
});
