import { Bench } from "./bench.ts";
import { describeOverlap } from "./overlap.ts";

describeOverlap(() => new Bench());
