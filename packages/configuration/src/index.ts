/**
 * The entry `@aiko/mqtt-configuration`: checked configuration files. For the packages of this repository, which are released together. It may
 * change in any release.
 *
 * @module @aiko/mqtt-configuration
 */

export { type Address, address, isMulticast, network, serverUrl } from "./address.js";
export { claimAddress } from "./claimed-address.js";
export {
  type ConnectionFields,
  checkConnection,
  checkPem,
  connectionFields,
  pemFields,
  serverPemFields,
} from "./connection-fields.js";
export { type DocumentOptions, type DocumentRead, readDocument } from "./document.js";
export {
  boolean,
  choice,
  dictionary,
  type Field,
  type Fields,
  integer,
  isTable,
  type Kind,
  list,
  number,
  oneOrMore,
  type Schema,
  type Section,
  type Syntax,
  scalar,
  secret,
  secretPath,
  shortOr,
  syntax,
  text,
} from "./kind.js";
export { LineTree, type Path } from "./line-tree.js";
export { LOG_LEVELS, Log, type LogFacts, type LogLevel } from "./log.js";
export { clientTls, type Pem, type PemSettings, readPem } from "./pem-files.js";
export { Place, type Problem, problemText, quoted, Reading, type Secrets } from "./place.js";
export { reference } from "./reference.js";
export { schemaDocument } from "./schema.js";
export {
  nameOrTable,
  optional,
  preset,
  type Read,
  required,
  section,
  type TableOptions,
  table,
  variants,
  type Written,
} from "./table.js";
export { duration, seconds, size } from "./units.js";
