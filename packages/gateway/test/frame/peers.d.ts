// Independent coders without types of their own.
declare module "cobs" {
  export function encode(bytes: Buffer): Buffer;
  export function decode(bytes: Buffer): Buffer;
}

declare module "slip" {
  export function encode(bytes: Uint8Array): Uint8Array;
  export class Decoder {
    constructor(options: { onMessage(bytes: Uint8Array): void; maxMessageSize?: number; bufferSize?: number });
    decode(bytes: Uint8Array): void;
  }
}
