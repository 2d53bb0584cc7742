// Declares only what the benchmark uses of its peers. Their packages are installed only in bench/, which the check does not require.

declare module "mqtt" {
  import { EventEmitter } from "node:events";

  type QoS = 0 | 1 | 2;
  type Settled = (error?: Error | null) => void;
  interface PublishProperties {
    responseTopic?: string;
    correlationData?: Buffer;
    userProperties?: Record<string, string>;
  }
  interface PublishPacket {
    topic: string;
    payload: string | Buffer;
    properties?: PublishProperties;
  }
  interface PublishOptions {
    qos: QoS;
    retain?: boolean;
    properties?: PublishProperties;
  }
  export interface IClientOptions {
    protocolVersion?: 4 | 5;
    keepalive?: number;
    clientId?: string;
    clean?: boolean;
    reconnectPeriod?: number;
    will?: { topic: string; payload: Buffer; qos: QoS; retain: boolean };
    properties?: { sessionExpiryInterval: number };
    incomingStore?: import("mqtt-level-store").LevelStore;
    outgoingStore?: import("mqtt-level-store").LevelStore;
  }
  export class MqttClient extends EventEmitter {
    connected: boolean;
    stream: import("node:stream").Duplex;
    on(event: "message", listener: (topic: string, payload: Buffer, packet: PublishPacket) => void): this;
    on(event: "connect" | "offline", listener: () => void): this;
    on(event: "packetreceive", listener: (packet: { cmd: string; reasonCode?: number }) => void): this;
    on(event: "error", listener: (error: Error & { code?: number | string }) => void): this;
    once(event: "connect", listener: () => void): this;
    once(event: "error", listener: (error: Error) => void): this;
    handleMessage(packet: PublishPacket, callback: Settled): void;
    publish(topic: string, payload: string | Buffer, options: PublishOptions, settled?: Settled): this;
    publishAsync(topic: string, payload: string, options: PublishOptions): Promise<unknown>;
    subscribe(filters: string[], options?: { qos: QoS }, settled?: Settled): this;
    subscribeAsync(filter: string, options?: { qos: QoS }): Promise<unknown>;
    getLastMessageId(): number;
    removeOutgoingMessage(messageId: number): this;
    end(force: boolean): this;
    endAsync(force?: boolean, options?: { reasonCode: number }): Promise<void>;
  }
  const mqtt: {
    connect(url: string, options: IClientOptions): MqttClient;
    connectAsync(url: string): Promise<MqttClient>;
  };
  export default mqtt;
}

declare module "mqtt-level-store" {
  export interface LevelStore {
    close(closed: () => void): void;
  }
  export default function open(directory: string): { incoming: LevelStore; outgoing: LevelStore };
}

declare module "mqtt-packet" {
  type Packet = { cmd: string; [field: string]: unknown };
  interface Parser {
    on(event: "packet", listener: (packet: Packet) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    parse(bytes: Buffer): number;
  }
  const codec: {
    parser(options: { protocolVersion: number }): Parser;
    generate(packet: Packet, options: { protocolVersion: number }): Buffer;
  };
  export default codec;
}

declare module "aedes" {
  export class Aedes {
    static createBroker(): Promise<Aedes>;
    handle: (socket: import("node:net").Socket) => void;
    close(closed: () => void): void;
  }
}

declare module "aws-crt" {
  export namespace mqtt5 {
    type QoS = 0 | 1 | 2;
    class Mqtt5Client {
      constructor(options: {
        hostName: string;
        port: number;
        connectProperties: { clientId: string; keepAliveIntervalSeconds: number };
      });
      on(event: "connectionSuccess" | "stopped", listener: () => void): this;
      on(event: "connectionFailure", listener: (failure: { error: Error }) => void): this;
      on(event: "messageReceived", listener: (received: { message: { payload: ArrayBuffer } }) => void): this;
      start(): void;
      stop(): void;
      publish(packet: { topicName: string; payload: Uint8Array; qos: QoS }): Promise<unknown>;
      subscribe(packet: { subscriptions: { topicFilter: string; qos: QoS }[] }): Promise<unknown>;
    }
  }
}

declare module "echarts/core" {
  export type Extension = object;
  export interface Chart {
    setOption(option: object): void;
    renderToSVGString(): string;
    dispose(): void;
  }
  export function use(extensions: Extension[]): void;
  export function init(
    element: null,
    theme: null,
    options: { renderer: "svg"; ssr: true; width: number; height: number },
  ): Chart;
}

declare module "echarts/charts" {
  import type { Extension } from "echarts/core";
  export const BarChart: Extension;
  export const LineChart: Extension;
}

declare module "echarts/components" {
  import type { Extension } from "echarts/core";
  export const GridComponent: Extension;
  export const LegendComponent: Extension;
  export const TitleComponent: Extension;
}

declare module "echarts/renderers" {
  import type { Extension } from "echarts/core";
  export const SVGRenderer: Extension;
}
