// A person's keys, as their keystore holds them, and what they sign.
import { utf8 } from './bytes.js';
import { hpkeKeyOf } from './epochs.js';
import { HUMAN, encodeManifest, parseManifest } from './principals.js';
import { publicKeyOf, sign } from './signatures.js';

/**
 * @typedef {object} Identity
 * @property {import('./principals.js').Principal} principal
 * @property {Uint8Array} signingSeed
 * @property {Uint8Array} hpkeSeed
 */

/** @param {Uint8Array} signingSeed @param {Uint8Array} hpkeSeed @returns {Promise<Identity>} */
export async function identityOf(signingSeed, hpkeSeed) {
  const keys = { kind: HUMAN, signingKey: publicKeyOf(signingSeed), hpkeKey: await hpkeKeyOf(hpkeSeed) };
  return { principal: parseManifest(encodeManifest(keys)), signingSeed, hpkeSeed };
}

/**
 * What a socket's proof goes over (SPEC 9.3).
 * @param {{ origin: string, nonce: Uint8Array, principalId: Uint8Array, sessionId: Uint8Array, writerId: Uint8Array }}
 *  proof
 */
export const socketParts = ({ origin, nonce, principalId, sessionId, writerId }) => [
  utf8(origin),
  nonce,
  principalId,
  sessionId,
  writerId,
];

/**
 * @param {Identity} identity
 * @param {{ origin: string, nonce: Uint8Array, sessionId: Uint8Array, writerId: Uint8Array }} proof
 */
export const signSocket = ({ principal, signingSeed }, proof) =>
  sign(signingSeed, 'socket', socketParts({ ...proof, principalId: principal.id }));
