/** The application's answer about a client, checked: JavaScript may return anything. */

import { type ConnackProperties, describeReasonCode, ReasonCode } from "@aiko/mqtt/codec";
import type { ConnectAcceptance, ConnectRefusal } from "../options/authentication.js";
import { isRefusal } from "./return-codes.js";

/** A client is accepted. */
export interface Accepted {
  readonly identity: string | undefined;
  /** The last Authentication Data of an authentication method. */
  readonly data: Uint8Array | undefined;
}

/** A client is refused. */
export interface Refused {
  readonly reasonCode: number;
  /** For the broker's program. It may contain more than the client should know. */
  readonly reason: string;
  /** For the client, on MQTT 5. */
  readonly properties?: ConnackProperties | undefined;
}

/** The most bytes of Authentication Data. */
export const LONGEST_DATA = 65_535;

/**
 * Returns the verdict for an answer. Only true, and an object with an identity and without a reason code, accept the
 * client.
 *
 * @param asked the name of the function that answered, for the reason
 * @param otherwise the reason code if the answer has none that can refuse a client
 */
export function verdictOf(answer: unknown, asked: string, otherwise: number): Accepted | Refused {
  if (answer === true) return { identity: undefined, data: undefined };
  const fields = Object(answer) as Partial<ConnectRefusal & ConnectAcceptance>;
  const { identity, data, reasonCode, reason, userProperties, serverReference } = fields;
  if (reasonCode === undefined && typeof identity === "string" && identity !== "") {
    if (data === undefined || (data instanceof Uint8Array && data.length <= LONGEST_DATA)) return { identity, data };
    const reason = `${asked} failed: data must be a Uint8Array of at most ${LONGEST_DATA} bytes`;
    return { reasonCode: ReasonCode.SERVER_UNAVAILABLE, reason };
  }
  const code = isRefusal(reasonCode) ? reasonCode : otherwise;
  const moved = code === ReasonCode.USE_ANOTHER_SERVER || code === ReasonCode.SERVER_MOVED;
  const text = typeof reason === "string" && reason !== "" ? reason : undefined;
  const isAnswer = answer === false || isRefusal(reasonCode);
  const why = isAnswer ? text : `${ALLOWED}, not ${kindOf(answer)}`;
  return {
    reasonCode: code,
    reason: `${asked} refused with ${describeReasonCode(code)}${why === undefined ? "" : `: ${why}`}`,
    properties: {
      ...(text !== undefined && { reasonString: text }),
      ...(Array.isArray(userProperties) && { userProperties }),
      ...(moved && typeof serverReference === "string" && { serverReference }),
    },
  };
}

const ALLOWED = "it must answer true, false, { identity }, or { reasonCode } with a refusal of CONNACK";

/** Describes an answer without its values, which may be secret. */
function kindOf(answer: unknown): string {
  if (answer === undefined || answer === null) return String(answer);
  if (typeof answer !== "object" || answer instanceof Uint8Array) return `a value of type ${typeof answer}`;
  const names = Object.keys(answer);
  return names.length === 0 ? "an empty object" : `an object with ${names.slice(0, 10).join(", ")}`;
}

/** Whether the client is accepted. */
export function isAccepted(verdict: Accepted | Refused): verdict is Accepted {
  return "identity" in verdict;
}
