// Length prefix and Padmé (SPEC 7).
import { isZero, u32 } from './bytes.js';
import { CannotOpen } from './errors.js';

const PREFIX = 4;
const LEAST = 256;

/** Padmé of a length: at most 12 % more, and lengths give away little. @param {number} length */
export function padme(length) {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const mask = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / mask) * mask;
}

/** @param {number} contentLength */
const paddedLength = (contentLength) => Math.max(LEAST, padme(PREFIX + contentLength));

/** @param {Uint8Array} content */
export function pad(content) {
  const padded = new Uint8Array(paddedLength(content.length));
  padded.set(u32(content.length));
  padded.set(content, PREFIX);
  return padded;
}

/** Refuses what `pad` would not have written. @param {Uint8Array} padded */
export function unpad(padded) {
  if (padded.length < LEAST) throw new CannotOpen();
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  const end = PREFIX + length;
  if (end > padded.length || paddedLength(length) !== padded.length) throw new CannotOpen();
  if (!isZero(padded.subarray(end))) throw new CannotOpen();
  return padded.slice(PREFIX, end);
}
