// Open invites and who waits for approval, as the control chain has them (SPEC 5).
import { compare, toHex } from './bytes.js';
import { hash } from './hashing.js';

/**
 * @typedef {object} Invite
 * @property {Uint8Array} key Ed25519
 * @property {Uint8Array} hpkeKey X-Wing
 * @property {Uint8Array} maker principal id
 * @property {number} capabilities
 * @property {number} uses that are left
 * @property {boolean} needsApproval
 * @property {boolean} carriesSecret
 */

/** @typedef {{ principal: import('./principals.js').Principal, invite: Invite }} Request who waits for approval */

/** What stands for an invite among the recipients of a rekey. @param {Invite} invite */
export const inviteRecipient = ({ key, hpkeKey }) => hash('invite-id', [key, hpkeKey]);

export class Invites {
  /** @type {Map<string, Invite>} by key in hex */
  open = new Map();
  /** @type {Map<string, Request>} by principal id in hex */
  requests = new Map();

  /** @param {Uint8Array} key @returns {Invite | undefined} */
  get(key) {
    return this.open.get(toHex(key));
  }

  /** Open, or somebody waits by it. @param {Uint8Array} key */
  isKnown(key) {
    return (
      this.open.has(toHex(key)) || [...this.requests.values()].some(({ invite }) => compare(invite.key, key) === 0)
    );
  }

  /** @param {Uint8Array} key @returns {Invite | undefined} open, or by which somebody waits */
  find(key) {
    const request = [...this.requests.values()].find(({ invite }) => compare(invite.key, key) === 0);
    return this.get(key) ?? request?.invite;
  }

  /** @param {Uint8Array} key */
  revoke(key) {
    this.#dropWhere((invite) => compare(invite.key, key) === 0);
  }

  /** All of them: somebody is gone, or newcomers get something else now. */
  voidOpen() {
    this.open.clear();
  }

  /** Also who waits. */
  voidAll() {
    this.open.clear();
    this.requests.clear();
  }

  /** Those that their maker could not make any more. @param {Uint8Array} maker @param {(capabilities: number) => boolean} couldMake */
  keepOf(maker, couldMake) {
    this.#dropWhere((invite) => compare(invite.maker, maker) === 0 && !couldMake(invite.capabilities));
  }

  /** One use less; with the last one it is closed. @param {Invite} invite */
  use(invite) {
    if (invite.uses > 1) this.open.set(toHex(invite.key), { ...invite, uses: invite.uses - 1 });
    else this.open.delete(toHex(invite.key));
  }

  /** @param {(invite: Invite) => boolean} condition */
  #dropWhere(condition) {
    for (const [key, invite] of this.open) if (condition(invite)) this.open.delete(key);
    for (const [id, { invite }] of this.requests) if (condition(invite)) this.requests.delete(id);
  }
}
