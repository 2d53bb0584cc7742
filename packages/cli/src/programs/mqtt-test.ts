/** The program `mqtt_test`. */

import { main } from "../command.js";
import { test } from "../commands/test.js";
import { processArguments } from "../process-arguments.js";

void main("mqtt_test", test, processArguments());
