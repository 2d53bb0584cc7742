// @ts-check
// Forwards messages from one server to another, each at least once. A message is acknowledged at the source when the other server has
// acknowledged it. While this program is not running, messages wait at the source. Ends on ^C.
//   node examples/forward.js mqtt://a mqtt://b 'topic/#'
import { connect } from "@aiko/mqtt";

const [from, to, topicFilter = "#"] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  console.error("usage: node examples/forward.js FROM_URL TO_URL [TOPIC_FILTER]");
  process.exit(1);
}

const target = await connect(to);
// The source recognizes this forwarder by its client identifier. Concurrent forwarders need different ones.
const source = await connect(from, { clientId: "forward example", cleanStart: false });
await source.subscribe(topicFilter, {
  retainAsPublished: true,
  qos: 1,
  async onMessage({ topic, payload, retain }) {
    await target.publish(topic, payload, { qos: 1, retain });
    console.log(topic);
  },
});
console.log(`forwarding ${topicFilter}`);

await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
await source.disconnect(); // first, so that no new messages arrive
await target.disconnect();
