// The part of the exploration that runs with every build, and proof that each check can fail.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bundle } from "../fixtures/bundle.js";
import { withCleanStarts } from "./clean-starts.ts";
import { explore } from "./explorer.ts";
import { openPrivate } from "./open-private.js";
import { PEACE, type Scenario, type Step } from "./scenario.ts";
import { SCENARIOS, scenarioNamed } from "./scenarios.ts";
import { storyOf } from "./story.ts";
import { KINDS, type Kind } from "./verdict.ts";
import { World } from "./world.ts";

/** A limit, not a measurement: a machine may be busy. */
const PATIENCE = 300_000;
const NO_LIMIT = { states: 100_000, depth: 100, until: Infinity };

const whole = (version: 3 | 4 | 5, cleanStart: boolean, store = false) =>
  ({ client: "whole", version, cleanStart, store }) as const;
const small = (version: 4 | 5, cleanStart: boolean) =>
  ({ client: "small", version, cleanStart, store: false }) as const;

function kindsOf(faults: Readonly<Record<Kind, number>>): Kind[] {
  return KINDS.filter((kind) => faults[kind] > 0);
}

describe("all scenarios together", () => {
  test.each([3, 4, 5] as const)(
    "have two messages at each QoS in each direction over three connections, on version %i",
    (version) => {
      const steps = ["up0", "up1", "up2", "down0", "down1", "down2"] satisfies Step[];
      for (const client of version === 3 ? ["whole"] : ["whole", "small"])
        for (const cleanStart of [true, false])
          for (const step of steps) {
            const fit = SCENARIOS.filter(
              (each) =>
                each.version === version &&
                each.client === client &&
                each.cleanStart === cleanStart &&
                each.faults.connections >= 3 &&
                each.programme.filter((one) => one === step).length >= 2,
            );
            expect(fit.length, `${client}, clean start ${cleanStart}, ${step}`).toBeGreaterThan(0);
          }
    },
  );

  test("have every kind of fault, with and without a store", () => {
    for (const fault of ["cuts", "losses", "drops", "kills", "expiries"] as const)
      for (const store of [true, false])
        expect(SCENARIOS.filter((each) => each.store === store && each.faults[fault] > 0).length).toBeGreaterThan(0);
    expect(SCENARIOS.filter((each) => each.faults.wipes > 0).length).toBeGreaterThan(0);
  });
});

/** A world whose server writes something other than it should; undefined: nothing. */
function tampered(scenario: Scenario, tamper: (bytes: Uint8Array, world: World) => Uint8Array | undefined): World {
  const world = new World(scenario);
  const { server } = world;
  const accept = server.accept.bind(server);
  server.accept = (end) => {
    const write = end.write.bind(end);
    end.write = (bytes) => {
      const other = tamper(bytes, world);
      return other === undefined || write(other);
    };
    accept(end);
  };
  return world;
}

/** A world whose server gives its application something other than what arrived. */
function misgiven(scenario: Scenario, give: (name: string, given: (name: string) => void) => void): World {
  const world = new World(scenario);
  const { hub } = world.server;
  const given = hub.observe;
  hub.observe = (name) => give(name, given);
  return world;
}

describe("each check can fail", () => {
  const peaceful: Scenario = { ...scenarioNamed("one up at QoS 2, links fail", whole(5, true)), faults: PEACE };
  const two: Scenario = { ...peaceful, programme: ["up1", "up1"] };
  const PUBACK = 0x40;
  const PUBREC = 0x50;
  const SUBACK = 0x90;
  const CONNACK = 0x20;

  test("a run without injected faults has none", async () => {
    const { faults, states } = await explore(peaceful, NO_LIMIT);
    expect(kindsOf(faults)).toEqual([]);
    expect(states).toBeGreaterThan(5);
  });

  test("lost: a server acknowledges a message that it drops", async () => {
    const { faults } = await explore(peaceful, NO_LIMIT, (of) => misgiven(of, () => undefined));
    expect(kindsOf(faults)).toEqual(["lost"]);
  });

  test("doubled: a server delivers a message twice", async () => {
    const twice = (name: string, given: (name: string) => void): void => {
      given(name);
      given(name);
    };
    const { faults } = await explore(peaceful, NO_LIMIT, (of) => misgiven(of, twice));
    expect(kindsOf(faults)).toEqual(["doubled"]);
  });

  test("out of order: a server holds the first message until the second has arrived", async () => {
    const makeWorld = (of: Scenario): World => {
      let kept: string | undefined;
      return misgiven(of, (name, given) => {
        if (name === "up/1/1") kept = name;
        else given(name);
        if (name !== "up/1/1" && kept !== undefined) given(kept);
      });
    };
    const { faults } = await explore(two, NO_LIMIT, makeWorld);
    expect(kindsOf(faults)).toContain("out of order");
  });

  test("unsettled: a server never acknowledges", async () => {
    const { faults } = await explore(two, NO_LIMIT, (of) =>
      tampered(of, (bytes) => (bytes[0] === PUBACK ? undefined : bytes)),
    );
    expect(kindsOf(faults)).toEqual(["unsettled"]);
  });

  test("rejected: a server refuses what it has accepted", async () => {
    const refuse = (bytes: Uint8Array): Uint8Array =>
      bytes[0] === PUBACK ? Uint8Array.of(PUBACK, 3, bytes[2] as number, bytes[3] as number, 0x80) : bytes;
    const { faults } = await explore(two, NO_LIMIT, (of) => tampered(of, refuse));
    expect(kindsOf(faults)).toEqual(["rejected"]);
  });

  test("subscription missing: a server grants a subscription and forgets it", async () => {
    const forget = (bytes: Uint8Array, world: World): Uint8Array => {
      const { session } = world.server;
      if (bytes[0] === SUBACK) for (const filter of session?.topicFilters ?? []) session?.unsubscribed(filter);
      return bytes;
    };
    const { faults } = await explore({ ...peaceful, programme: ["down1"] }, NO_LIMIT, (of) => tampered(of, forget));
    expect(kindsOf(faults)).toEqual(["subscription missing"]);
  });

  test("client dead: a server accepts no client", async () => {
    const refuse = (bytes: Uint8Array): Uint8Array =>
      bytes[0] === CONNACK ? Uint8Array.of(CONNACK, 3, 0, 0x85, 0) : bytes;
    const { faults } = await explore(peaceful, NO_LIMIT, (of) => tampered(of, refuse));
    expect(kindsOf(faults)).toContain("client dead");
  });

  test("error: a server answers QoS 2 with PUBACK", async () => {
    const muddle = (bytes: Uint8Array): Uint8Array =>
      bytes[0] === PUBREC ? Uint8Array.of(PUBACK, ...bytes.subarray(1)) : bytes;
    const { faults } = await explore(peaceful, { ...NO_LIMIT, depth: 8 }, (of) => tampered(of, muddle));
    expect(kindsOf(faults)).toContain("error");
  });
});

test("the same schedule leads to the same state, and so does another order of independent steps", async () => {
  const scenario = scenarioNamed("two down at QoS 2, links fail", whole(5, true));
  const after = async (...actions: Parameters<World["apply"]>[0][]): Promise<string> => {
    const world = new World(scenario);
    await world.begin();
    for (const action of actions) await world.apply(action);
    return world.fingerprint;
  };
  const start = ["arrive 1 up", "arrive 1 down", "arrive 1 up"] as const;
  expect(await after(...start)).toBe(await after(...start));
  expect(await after(...start)).not.toBe(await after("arrive 1 up", "arrive 1 down"));
  const [one, other] = [
    await after(...start, "arrive 1 down", "next step"),
    await after(...start, "next step", "arrive 1 down"),
  ];
  expect(one).toBe(other);
});

test("a schedule is described in words", async () => {
  const scenario: Scenario = {
    ...scenarioNamed("one up at QoS 2, links fail", whole(5, true)),
    faults: { ...PEACE, losses: 1 },
  };
  const makeWorld = (of: Scenario): World => misgiven(of, () => undefined);
  const { findings } = await explore(scenario, NO_LIMIT, makeWorld);
  const finding = [...findings.values()].find(({ kind }) => kind === "lost");
  if (finding === undefined) throw new Error("nothing was lost");
  const story = (await storyOf(scenario, finding, makeWorld)).join("\n");
  expect(story).toContain("Connection 1: CONNECT with clean start 0 reaches the server.");
  expect(story).toContain("From here on nothing fails.");
});

describe("every state of", () => {
  test.each([
    ["one up at QoS 2, links fail", whole(5, true)],
    ["one up at QoS 2, links fail", whole(5, false)],
    ["one up at QoS 2, links fail", whole(4, true)],
    ["one up at QoS 2, links fail", whole(3, false)],
  ] as const)(
    "%s, with %o, is free of faults",
    async (name, setup) => {
      const { faults, complete, findings } = await explore(scenarioNamed(name, setup), NO_LIMIT);
      expect([...findings.values()]).toEqual([]);
      expect(kindsOf(faults)).toEqual([]);
      expect(complete).toBe(true);
    },
    PATIENCE,
  );
});

describe("the first states of", () => {
  test.each([
    ["up at QoS 2, killed", whole(5, false)],
    ["up at QoS 2 and 1, killed without the store", whole(5, false, true)],
    ["sessions expire", whole(5, true)],
    ["two down at QoS 2, links fail", whole(5, true)],
    ["one up at QoS 2, links fail", small(4, false)],
    ["up and down at QoS 2, links fail", small(4, true)],
  ] as const)(
    "%s, with %o, are free of faults",
    async (name, setup) => {
      const { findings } = await explore(scenarioNamed(name, setup), { ...NO_LIMIT, states: 500 });
      expect([...findings.values()]).toEqual([]);
    },
    PATIENCE,
  );
});

describe("in a client that sends Clean Start 1, the search finds a fault:", () => {
  const losing = { ...PEACE, losses: 2 };
  test.each([
    ["doubled", ["up2"]],
    ["subscription missing", ["subscribe"]],
    ["lost", ["down1"]],
  ] as const)(
    "%s in a programme of %s",
    async (kind, programme) => {
      const setup = scenarioNamed("one up at QoS 2, links fail", whole(5, true));
      const bounds = { ...NO_LIMIT, enough: kind };
      const scenario = { ...setup, programme, faults: losing };
      const { findings } = await explore(scenario, bounds, (of) => withCleanStarts(of));
      expect([...findings.values()].map((each) => each.kind)).toContain(kind);
    },
    PATIENCE,
  );
});

test(
  "merging equal states hides nothing: identified by its history, a client has more states and the same faults",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-explore-"));
    try {
      const program = new URL("clean-starts.ts", import.meta.url);
      const { exploreBothWays } = (await import(
        await bundle(program, directory, [openPrivate])
      )) as typeof import("./clean-starts.ts");
      const setup = scenarioNamed("one up at QoS 2, links fail", whole(5, true));
      const [holding, history] = await exploreBothWays({ ...setup, faults: { ...PEACE, losses: 2 } }, NO_LIMIT);
      expect([...holding.findings.keys()].sort()).toEqual([...history.findings.keys()].sort());
      expect(holding.findings.size).toBeGreaterThan(0);
      expect(holding.states).toBeLessThan(history.states);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  PATIENCE,
);
