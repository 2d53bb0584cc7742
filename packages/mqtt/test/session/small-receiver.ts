// The receiving half of the small client, with the interface that the sides of a session have in these tests.
import type { Packet } from "@aiko/mqtt/codec";
import type { PublishPacket } from "../../src/codec/packets.ts";
import { type Delivery, IncomingMessages } from "../../src/small/incoming-messages.ts";
import { toHex } from "../codec/vectors.ts";
import type { Side, SideOptions } from "./sessions.ts";

/** What tests of a receiver need from a side. */
export interface Receiver extends Pick<Side, "connect" | "lose" | "receive"> {
  readonly given: readonly { readonly packet: PublishPacket; readonly delivery: object | undefined }[];
  readonly outlet: { taken(): string };
  finish(given: Receiver["given"][number] | undefined, reasonCode?: number): void;
}

export class SmallReceiver implements Receiver {
  readonly given: { readonly packet: PublishPacket; readonly delivery: Delivery | undefined }[] = [];
  private written = "";
  readonly outlet = {
    taken: (): string => {
      const { written } = this;
      this.written = "";
      return written;
    },
  };
  readonly messages: IncomingMessages;

  constructor({ version = 5 }: SideOptions = {}) {
    this.messages = new IncomingMessages(version as 4 | 5, (packet) => {
      this.written += toHex(packet);
    });
  }

  connect(resumed = false): void {
    this.messages.opened(resumed);
  }

  lose(): void {
    this.messages.lost();
  }

  receive(packet: Packet): void {
    if (packet.type === "pubrel") this.messages.pubrel(packet.packetIdentifier);
    if (packet.type !== "publish") return;
    const delivery = packet.qos > 0 ? this.messages.publish(packet) : undefined;
    if (delivery || packet.qos === 0) this.given.push({ packet, delivery });
  }

  finish(given: { readonly delivery: object | undefined } | undefined, reasonCode = 0): void {
    if (given?.delivery === undefined) throw new Error("no delivery to finish");
    this.messages.finished(given.delivery as Delivery, reasonCode);
  }
}
