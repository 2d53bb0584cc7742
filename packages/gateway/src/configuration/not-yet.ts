/** The message for keys that this version knows and does not support. */

export const NOT_YET = "is not supported by this version of the gateway";
