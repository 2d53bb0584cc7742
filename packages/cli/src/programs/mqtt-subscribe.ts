/** The program `mqtt_subscribe`. */

import { subscribe } from "../commands/subscribe.js";
import { processArguments } from "../process-arguments.js";
import { main } from "../process-terminal.js";

void main("mqtt_subscribe", subscribe, processArguments());
