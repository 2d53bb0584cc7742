/** How deep a topic is. Each level costs a node in the trees, so there is a bound to them. */

const SLASH = 0x2f;

export function hasMoreLevels(topic: string, maximum: number): boolean {
  if (topic.length < maximum) return false; // the usual case: not even of slashes alone
  let levels = 1;
  for (let i = 0; i < topic.length; i++) if (topic.charCodeAt(i) === SLASH && ++levels > maximum) return true;
  return false;
}
