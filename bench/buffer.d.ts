// What Node's buffers can do without being documented: the limits are measured with the fastest that there is.
interface Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}
