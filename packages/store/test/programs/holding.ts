// Opens a session, reports it, and holds it until it is killed. Arguments: directory, name.
import { DiskStore } from "@aiko/mqtt-store";

const [, , directory = "", name = ""] = process.argv;
const store = new DiskStore(directory);
try {
  const held = await store.open(name);
  console.log("open");
  setInterval(() => held, 1000); // otherwise the garbage collector would close its file
} catch (error) {
  console.log((error as { code: string }).code);
}
