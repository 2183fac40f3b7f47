// Recovery codes (SPEC 14): 160 bits in Crockford's base32 with a checksum, and the login key that derives from them.
import { utf8 } from './bytes.js';
import { inGroups, readSymbols, toBytes, toNumber, toSymbols } from './crockford.js';
import { CannotOpen } from './errors.js';
import { framed, hash, hkdf } from './hashing.js';
import { publicKeyOf, sign } from './signatures.js';

const SYMBOLS = 36;

/** The first 20 bits of a hash, as four symbols. @param {Uint8Array} secret */
const checksum = (secret) => toSymbols(toNumber(hash('recovery-code', [secret]).subarray(0, 3)) >> 4n, 4);

/** @param {Uint8Array} secret 20 bytes */
export const writeRecoveryCode = (secret) => inGroups(toSymbols(toNumber(secret), 32) + checksum(secret));

/** The 20 bytes of a code as a person typed it. @param {string} code */
export function readRecoveryCode(code) {
  const symbols = readSymbols(code, SYMBOLS);
  const secret = toBytes(symbols.slice(0, 32));
  if (symbols.slice(32) !== checksum(secret)) throw new CannotOpen();
  return secret;
}

/** @param {Uint8Array} secret */
const loginSeed = (secret) => hkdf(secret, framed('recovery-login-key', []));

/** @param {Uint8Array} secret */
export const recoveryLoginKey = (secret) => publicKeyOf(loginSeed(secret));

/** @param {Uint8Array} secret @param {string} origin @param {Uint8Array} challenge */
export const signRecoveryLogin = (secret, origin, challenge) =>
  sign(loginSeed(secret), 'recovery-login', [utf8(origin), challenge]);
