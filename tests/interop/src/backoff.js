// How long to wait before trying again (SPEC 9.5).
import { setTimeout as delay } from 'node:timers/promises';

const FIRST_MS = 500;
const LONGEST_MS = 60_000;

export class Backoff {
  #failures = 0;

  /** @param {number | null} [askedMs] a time that the relay gave wins @param {AbortSignal} [signal] */
  async wait(askedMs, signal) {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    await delay(askedMs || Math.random() * ceiling, undefined, { signal });
  }

  succeeded() {
    this.#failures = 0;
  }
}
