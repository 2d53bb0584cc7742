/** Checks the number of levels of a topic. Each level takes a node in the trees, so it is limited. */

const SLASH = 0x2f;

export function hasMoreLevels(topic: string, maximum: number): boolean {
  if (topic.length < maximum) return false; // the usual case: even slashes alone would be few enough
  let levels = 1;
  for (let i = 0; i < topic.length; i++) if (topic.charCodeAt(i) === SLASH && ++levels > maximum) return true;
  return false;
}
