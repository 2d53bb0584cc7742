/** The program `mqtt_publish`. */

import { main } from "../command.js";
import { publish } from "../commands/publish.js";
import { processArguments } from "../process-arguments.js";

void main("mqtt_publish", publish, processArguments());
