// Ed25519, verified strictly (SPEC 1.2). The library's own `verify` multiplies by the cofactor, so it is not enough.
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { concat, equal } from './bytes.js';
import { SIGNATURE } from './limits.js';
import { framed } from './hashing.js';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;

/** The point of a canonical encoding that is not of small order, else null. @param {Uint8Array} bytes */
function strictPoint(bytes) {
  try {
    const point = Point.fromBytes(bytes, false);
    return point.isSmallOrder() ? null : point;
  } catch {
    return null;
  }
}

/** Whether a public key is one that signatures may be checked with. @param {Uint8Array} key */
export const isStrictKey = (key) => key.length === 32 && strictPoint(key) !== null;

/** @param {Uint8Array} seed 32 bytes */
export const publicKeyOf = (seed) => ed25519.getPublicKey(seed);

/** @param {Uint8Array} seed @param {string} label @param {Uint8Array[]} parts */
export const sign = (seed, label, parts) => ed25519.sign(framed(label, parts), seed);

/** @param {Uint8Array} publicKey @param {string} label @param {Uint8Array[]} parts @param {Uint8Array} signature */
export const verify = (publicKey, label, parts, signature) =>
  verifyStrictly(publicKey, framed(label, parts), signature);

/**
 * R = [s]B - [k]A, compared by its bytes.
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 */
function verifyStrictly(publicKey, message, signature) {
  if (publicKey.length !== 32 || signature.length !== SIGNATURE) return false;
  const [r, s] = [signature.subarray(0, 32), bytesToNumberLE(signature.subarray(32))];
  const key = strictPoint(publicKey);
  if (key === null || strictPoint(r) === null || s >= ORDER) return false;
  const challenge = bytesToNumberLE(sha512(concat(r, publicKey, message))) % ORDER;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(challenge));
  return equal(expected.toBytes(), r);
}
