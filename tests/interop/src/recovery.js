// Recovery codes (SPEC 14): 160 bits in Crockford's base32 with a checksum, and the login key that derives from them.
import { CannotOpen } from './errors.js';
import { framed, hash, hkdf } from './hashing.js';
import { publicKeyOf, sign } from './signatures.js';
import { utf8 } from './bytes.js';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LOOK_ALIKES = { O: '0', I: '1', L: '1' };
const BYTES = 20;
const SYMBOLS = 36;

/** @param {bigint} value @param {number} count of symbols */
function toSymbols(value, count) {
  const at = (/** @type {number} */ index) => ALPHABET[Number((value >> BigInt(5 * (count - 1 - index))) & 31n)];
  return Array.from({ length: count }, (_, index) => at(index)).join('');
}

/** @param {Uint8Array} bytes */
const toNumber = (bytes) => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** The first 20 bits of a hash, as four symbols. @param {Uint8Array} secret */
const checksum = (secret) => toSymbols(toNumber(hash('recovery-code', [secret]).subarray(0, 3)) >> 4n, 4);

/** @param {Uint8Array} secret 20 bytes */
export function writeRecoveryCode(secret) {
  const symbols = toSymbols(toNumber(secret), 32) + checksum(secret);
  return symbols.match(/.{4}/g).join('-');
}

/** The 20 bytes of a code as a person typed it. @param {string} code */
export function readRecoveryCode(code) {
  const symbols = [...code.toUpperCase().replaceAll(/[\s-]/g, '')].map((symbol) => LOOK_ALIKES[symbol] ?? symbol);
  const values = symbols.map((symbol) => ALPHABET.indexOf(symbol));
  if (values.length !== SYMBOLS || values.includes(-1)) throw new CannotOpen();
  const number = values.slice(0, 32).reduce((value, digit) => (value << 5n) | BigInt(digit), 0n);
  const secret = new Uint8Array(BYTES).map((_, at) => Number((number >> BigInt(8 * (BYTES - 1 - at))) & 255n));
  if (symbols.slice(32).join('') !== checksum(secret)) throw new CannotOpen();
  return secret;
}

/** @param {Uint8Array} secret */
const loginSeed = (secret) => hkdf(secret, framed('recovery-login-key', []));

/** @param {Uint8Array} secret */
export const recoveryLoginKey = (secret) => publicKeyOf(loginSeed(secret));

/** @param {Uint8Array} secret @param {string} origin @param {Uint8Array} challenge */
export const signRecoveryLogin = (secret, origin, challenge) =>
  sign(loginSeed(secret), 'recovery-login', [utf8(origin), challenge]);
