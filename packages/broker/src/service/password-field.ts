/** The path of a password file: reads the file, and reports each of its lines that is not valid. */

import { type Kind, text } from "@aiko/mqtt-configuration";
import { parsePasswordFile } from "../users/password-file.js";
import type { UserSettings } from "./broker-configuration.js";
import { fileContent } from "./file-content.js";

const path = text(1, 4096);

export const passwordFile: Kind<UserSettings> = {
  ...path,
  label: "path",
  read(value, place) {
    const written = path.read(value, place);
    const content = written === undefined ? undefined : fileContent(written, place);
    if (written === undefined || content === undefined) return undefined;
    const { users, problems } = parsePasswordFile(content, written);
    for (const problem of problems) place.problem(problem);
    return problems.length === 0 ? { passwordFile: written, stored: users } : undefined;
  },
};
