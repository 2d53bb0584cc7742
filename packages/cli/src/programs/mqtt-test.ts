/** The program `mqtt_test`. */

import { test } from "../commands/test.js";
import { processArguments } from "../process-arguments.js";
import { main } from "../process-terminal.js";

void main("mqtt_test", test, processArguments());
