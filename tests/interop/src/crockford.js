// Crockford's base32 in groups of four, for what people copy by hand (SPEC 13 and 14).
import { CannotOpen } from './errors.js';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LOOK_ALIKES = { O: '0', I: '1', L: '1' };

/** The highest symbols of a number. @param {bigint} value @param {number} count */
export function toSymbols(value, count) {
  const at = (/** @type {number} */ index) => ALPHABET[Number((value >> BigInt(5 * (count - 1 - index))) & 31n)];
  return Array.from({ length: count }, (_, index) => at(index)).join('');
}

/** @param {Uint8Array} bytes */
export const toNumber = (bytes) => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** Five bytes for every eight symbols. @param {string} symbols */
export function toBytes(symbols) {
  const number = [...symbols].reduce((value, symbol) => (value << 5n) | BigInt(ALPHABET.indexOf(symbol)), 0n);
  const length = (symbols.length / 8) * 5;
  return new Uint8Array(length).map((_, at) => Number((number >> BigInt(8 * (length - 1 - at))) & 255n));
}

/** @param {string} symbols */
export const inGroups = (symbols) => symbols.match(/.{4}/g).join('-');

/** The symbols of a text as a person typed it. @param {string} text @param {number} count how many there must be */
export function readSymbols(text, count) {
  const symbols = [...text.toUpperCase().replaceAll(/[\s-]/g, '')].map((symbol) => LOOK_ALIKES[symbol] ?? symbol);
  if (symbols.length !== count || symbols.some((symbol) => !ALPHABET.includes(symbol))) throw new CannotOpen();
  return symbols.join('');
}
