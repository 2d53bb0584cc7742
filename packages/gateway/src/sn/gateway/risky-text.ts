/**
 * Text for which a server may close the connection [MQTT5-1.5.4]. Other clients may share that connection, so it is refused
 * here. Knows no message.
 */

/** Control characters, and code points that are no characters. */
const RISKY = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;

/** Whether a server may close the connection that sends this text. */
export function isRisky(text: string): boolean {
  return RISKY.test(text);
}
