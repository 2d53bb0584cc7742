// Undocumented methods of Node's buffers. The limits are measured with the fastest methods available.
interface Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}
