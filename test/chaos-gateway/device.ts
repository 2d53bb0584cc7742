// A device that loses nothing: sends numbered lines, waits for an acknowledgement of each, and repeats what was not acknowledged.
import { createConnection, type Socket } from "node:net";
import { crc32 } from "../../packages/store/src/crc32.ts";

/** Lines that may be unacknowledged. Acknowledgements are counted in order. */
export const DEVICE_WINDOW = 8;
/** Milliseconds before another attempt to connect. */
const RETRY = 5;

export class Device {
  /** Lines that the gateway has acknowledged: all up to this number. */
  acknowledged = 0;
  /** The highest number that was ever sent. */
  sent = 0;
  private next = 1;
  private socket: Socket | undefined;
  private partial = "";
  private port = 0;
  private isStopped = false;

  constructor(
    readonly name: string,
    private readonly complain: (what: string) => void,
  ) {}

  /** The gateway listens at another port now. */
  connect(port: number): void {
    this.port = port;
    if (this.socket === undefined) this.open();
  }

  /** Keeps its connection, but does not connect again: the gateway's port may soon belong to another program. */
  hold(): void {
    this.port = 0;
  }

  /** Sends nothing new. What was sent is repeated until it is acknowledged. */
  finish(): void {
    this.isStopped = true;
  }

  get isDone(): boolean {
    return this.isStopped && this.acknowledged >= this.sent;
  }

  close(): void {
    this.isStopped = true;
    this.port = 0;
    this.socket?.destroy();
  }

  private open(): void {
    const socket = createConnection(this.port, "127.0.0.1");
    this.socket = socket;
    this.partial = "";
    socket.setNoDelay(true);
    socket.on("connect", () => {
      this.next = this.acknowledged + 1;
      this.send();
    });
    socket.on("data", (bytes) => this.receive(bytes.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.socket = undefined;
      if (this.port !== 0) setTimeout(() => this.socket === undefined && this.port !== 0 && this.open(), RETRY);
    });
  }

  private send(): void {
    while (this.next <= this.acknowledged + DEVICE_WINDOW) {
      if (this.isStopped && this.next > this.sent) return;
      this.socket?.write(lineOf(this.name, this.next));
      this.sent = Math.max(this.sent, this.next++);
    }
  }

  private receive(text: string): void {
    const lines = (this.partial + text).split("\n");
    this.partial = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== `ok ${this.acknowledged + 1}`)
        this.complain(`${this.name}: "${line}" came after ok ${this.acknowledged}`);
      this.acknowledged++;
    }
    this.send();
  }
}

function lineOf(name: string, number: number): string {
  const text = `${name},${number}`;
  return `${text},${crc32(Buffer.from(text))}\n`;
}

/** The number in a message that the server received. Undefined if its checksum is wrong. */
export function numberOf(payload: string): { readonly name: string; readonly number: number } | undefined {
  const [name = "", number = "", checksum] = payload.trim().split(",");
  return crc32(Buffer.from(`${name},${number}`)) === Number(checksum) ? { name, number: Number(number) } : undefined;
}
