/** The addresses that may send: those of `allow`, or all if it is empty. */

import { BlockList, isIPv6 } from "node:net";

export class AllowList {
  private readonly list: BlockList | undefined;

  /** @param allow addresses and networks, such as "192.168.1.0/24" */
  constructor(allow: readonly string[]) {
    if (allow.length === 0) return;
    this.list = new BlockList();
    for (const each of allow) {
      const [address = "", bits] = each.split("/");
      const family = familyOf(address);
      if (bits === undefined) this.list.addAddress(address, family);
      else this.list.addSubnet(address, Number(bits), family);
    }
  }

  allows(peer: string): boolean {
    if (this.list === undefined) return true;
    const address = peer.replace(/^::ffff:(?=[\d.]+$)/i, "");
    return this.list.check(address, familyOf(address));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
