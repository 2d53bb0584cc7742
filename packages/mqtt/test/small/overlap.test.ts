import { describeOverlap } from "../client/overlap.ts";
import { SmallBench } from "./bench.ts";

describeOverlap(() => new SmallBench());
