/**
 * The entry `@aiko/mqtt/options`: reading options. For the packages of this repository, which are released together. It
 * may change in any release.
 */

export { nearest } from "./nearest.js";
export { wrongOption } from "./option-error.js";
export {
  boolean,
  func,
  group,
  holds,
  integer,
  type OptionsRead,
  object,
  oneOf,
  type Rule,
  type Rules,
  readOptions,
  secret,
} from "./option-rules.js";
