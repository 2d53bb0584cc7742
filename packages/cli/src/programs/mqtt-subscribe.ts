/** The program `mqtt_subscribe`. */

import { main } from "../command.js";
import { subscribe } from "../commands/subscribe.js";
import { processArguments } from "../process-arguments.js";

void main("mqtt_subscribe", subscribe, processArguments());
