import { Bench } from "./bench.ts";
import { testEarlyRefusal } from "./early-refusal.ts";

testEarlyRefusal(() => new Bench());
