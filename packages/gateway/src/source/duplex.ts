/** Whether a wire can be written to: "none", "half" if only one side may send at a time, or "full". */

export type Duplex = "none" | "half" | "full";
