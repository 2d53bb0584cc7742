/**
 * The entry `@aiko/mqtt/topic`: topic names, topic filters, and trees for fast matching.
 *
 * @module @aiko/mqtt/topic
 */

export type { SharedFilter } from "./topic-filter.js";
export {
  assertTopicFilter,
  hasWildcard,
  parseSharedFilter,
  sharedFilterProblem,
  topicFilterMatches,
  topicFilterProblem,
} from "./topic-filter.js";
export { assertTopicName, topicNameProblem } from "./topic-name.js";
export { TopicNameTree } from "./topic-name-tree.js";
export { TopicTree } from "./topic-tree.js";
