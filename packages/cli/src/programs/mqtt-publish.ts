/** The program `mqtt_publish`. */

import { publish } from "../commands/publish.js";
import { processArguments } from "../process-arguments.js";
import { main } from "../process-terminal.js";

void main("mqtt_publish", publish, processArguments());
