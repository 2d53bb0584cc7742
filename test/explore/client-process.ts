// One process of the client's application, from its start until it is killed: the real client, full or small, and an
// application that connects until it succeeds, subscribes, publishes, and handles messages.
import { type Clock, createClient, MqttError } from "@aiko/mqtt";
import { createClient as createSmallClient, type SmallClient } from "@aiko/mqtt/small";
import type { FakeClock } from "@aiko/mqtt/testing";
import type { MortalStore } from "../fixtures/stores.ts";
import type { Arrival, Ledger, SentMessage } from "./ledger.ts";
import type { End } from "./network.ts";
import { ProcessClock } from "./process-clock.ts";
import { CONNECT_TIMEOUT, type Scenario } from "./scenario.ts";
import { FILTER } from "./server-side.ts";

export class ClientProcess {
  readonly clock: ProcessClock;
  /** The full or the small client; only their common features are used. */
  readonly client: Pick<SmallClient, "connected" | "connect" | "publish" | "subscribe" | "on">;
  /** "ok", or an error's code; undefined while it is pending or was not requested. */
  subscribed: string | undefined;
  asksToSubscribe = false;
  closedBy: string | undefined;
  /** Whether a CONNACK has accepted it. */
  wasConnected = false;
  /** The client's error events. */
  readonly objections: string[] = [];
  /** Everything that reached the process, in order. It determines the state of the process. */
  readonly history: string[] = [];
  readonly running: { readonly arrival: Arrival; readonly done: () => void }[] = [];

  constructor(
    readonly number: number,
    scenario: Scenario,
    private readonly ledger: Ledger,
    clock: FakeClock,
    private readonly store: MortalStore | undefined,
    dial: (clock: Clock) => End,
    private readonly slow: () => boolean,
  ) {
    this.clock = new ProcessClock(clock);
    const options = {
      platform: { clock: this.clock, random: { next: () => 0.5 }, dial: async () => dial(this.clock) },
      clientId: "c",
      cleanStart: scenario.cleanStart,
      keepAlive: 0,
      connectTimeout: CONNECT_TIMEOUT,
      reconnect: { initialDelay: 1, maximumDelay: 1 },
    };
    const { version } = scenario;
    if (scenario.client === "small") {
      if (version === 3) throw new Error("the small client does not speak MQTT 3.1");
      this.client = createSmallClient("mqtt://server", { ...options, protocolVersion: version });
    } else {
      this.client = createClient("mqtt://server", { ...options, protocolVersion: version, store });
    }
    this.client.on("error", (error) => this.objections.push(String(error)));
    this.client.on("closed", ({ error }) => {
      this.closedBy = error?.code ?? "nothing";
    });
    this.client.on("connected", () => {
      this.wasConnected = true;
    });
    this.client.on("disconnected", ({ error }) => {
      if (error.name === "ProtocolError") this.objections.push(error.message);
    });
  }

  start(): void {
    this.client.connect().catch(() => {
      // The application retries the first connection.
      if (this.closedBy === undefined) this.clock.schedule(1, () => this.start());
    });
  }

  subscribe(): void {
    this.history.push("subscribe");
    this.asksToSubscribe = true;
    const onMessage = ({ payload }: { payload: Uint8Array }) => this.handle(new TextDecoder().decode(payload));
    this.client.subscribe(FILTER, { qos: 2, onMessage }).then(
      () => {
        this.subscribed = "ok";
      },
      (error: unknown) => {
        this.subscribed = codeOf(error);
      },
    );
  }

  publish(message: SentMessage): void {
    const { name, qos } = message;
    this.history.push(name);
    const topic = name.split("/").slice(0, 2).join("/");
    this.client.publish(topic, name, { qos }).then(
      () => {
        message.outcome = "ok";
      },
      (error: unknown) => {
        message.outcome = codeOf(error);
      },
    );
  }

  /** The oldest running handler returns. */
  finish(): void {
    this.history.push("finish");
    const first = this.running.shift();
    if (first === undefined) return;
    first.arrival.handled = true;
    first.done();
  }

  kill(): void {
    this.clock.kill();
    void this.store?.kill();
  }

  private handle(name: string): Promise<void> | undefined {
    const arrival = this.ledger.arrived(name, this.number);
    if (this.slow()) return new Promise((done) => this.running.push({ arrival, done }));
    arrival.handled = true;
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof MqttError ? error.code : String(error);
}
