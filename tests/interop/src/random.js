// The one place that draws random bytes and reads the clock; everything else is given them.
import { randomBytes } from '@noble/hashes/utils.js';

/** @typedef {(length: number) => Uint8Array} Random */

/** @type {Random} */
export const systemRandom = (length) => randomBytes(length);

/** Milliseconds since 1970. */
export const systemClock = () => BigInt(Date.now());
