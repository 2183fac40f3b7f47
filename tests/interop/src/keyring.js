// The epoch keys that this member can get at (SPEC 6): from its own wrap, or from the history sealed under the next
// epoch.
import { openPrevious, unwrap } from './epochs.js';
import { CannotOpen, Refused } from './errors.js';

export class Keyring {
  #history;
  #identity;
  #fetchWrap;
  /** @type {Map<bigint, Promise<import('./epochs.js').EpochKeys>>} */
  #keys = new Map();

  /**
   * @param {import('./history.js').History} history whose chain names the key ids
   * @param {import('./identity.js').Identity} identity
   * @param {(epoch: bigint) => Promise<{ sealed: Uint8Array }>} fetchWrap
   */
  constructor(history, identity, fetchWrap) {
    this.#history = history;
    this.#identity = identity;
    this.#fetchWrap = fetchWrap;
  }

  /** @param {bigint} number */
  keysOf(number) {
    if (!this.#keys.has(number)) {
      const keys = this.#load(number);
      keys.catch(() => this.#keys.delete(number));
      this.#keys.set(number, keys);
    }
    return this.#keys.get(number);
  }

  /** @param {bigint} number */
  async #load(number) {
    const { chain } = this.#history.log;
    const [epoch, next] = [chain.epochAt(number), chain.epochAt(number + 1n)];
    if (!epoch) throw new CannotOpen();
    const wrap = await this.#wrapOf(number);
    if (wrap) return unwrap(epoch, wrap.sealed, this.#identity.principal, this.#identity.hpkeSeed);
    if (!next) throw new Refused('not_found', 'there is no wrap for this member');
    return openPrevious(next.sealedPrevious, epoch, await this.keysOf(number + 1n));
  }

  /** @param {bigint} number */
  async #wrapOf(number) {
    try {
      return await this.#fetchWrap(number);
    } catch (error) {
      if (error.code === 'not_found') return null;
      throw error;
    }
  }
}
