import { testEarlyRefusal } from "../client/early-refusal.ts";
import { SmallBench } from "./bench.ts";

testEarlyRefusal(() => new SmallBench());
