import { describePoison } from "../client/poison.ts";
import { SmallBench } from "./bench.ts";

describePoison(
  () => new SmallBench(),
  () => ({ code: "PUBLISH_UNANSWERED" }),
);
