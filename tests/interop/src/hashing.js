// Framed bytes (SPEC 1.1): what every hash, signature and derivation goes over.
import { hkdf as hkdfOf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, u64, utf8 } from './bytes.js';

export { sha256 };

const PREFIX = 'sealpost/v1/';

/** A label with its prefix, as bytes. @param {string} name */
export const label = (name) => utf8(PREFIX + name);

/** @param {string} name the label without its prefix @param {Uint8Array[]} parts */
export function framed(name, parts) {
  const bytes = label(name);
  return concat(Uint8Array.of(bytes.length), bytes, ...parts.flatMap((part) => [u64(part.length), part]));
}

/** @param {string} name @param {Uint8Array[]} parts */
export const hash = (name, parts) => sha256(framed(name, parts));

/**
 * HKDF-SHA256.
 * @param {Uint8Array} key
 * @param {Uint8Array} info
 * @param {{ salt?: Uint8Array, length?: number }} [options]
 */
export const hkdf = (key, info, { salt, length = 32 } = {}) => hkdfOf(sha256, key, salt, info, length);
