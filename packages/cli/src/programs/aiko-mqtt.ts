/** The program `aiko-mqtt`. */

import { basename } from "node:path";
import { processArguments } from "../process-arguments.js";
import { umbrella } from "../umbrella.js";

void umbrella(basename(process.argv[1] ?? ""), processArguments());
