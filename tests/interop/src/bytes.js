// Bytes and their texts: nothing here knows what they mean.
import { concatBytes } from '@noble/hashes/utils.js';

const textEncoder = new TextEncoder();

export { concatBytes as concat };

export const EMPTY = new Uint8Array(0);

/** The UTF-8 bytes of a text. @param {string} text */
export const utf8 = (text) => textEncoder.encode(text);

/** @param {number} value */
export function u32(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** @param {bigint | number} value */
export function u64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Lower-case hex. @param {Uint8Array} bytes */
export const toHex = (bytes) => Buffer.from(bytes).toString('hex');

/** Refuses everything but lower-case hex (SPEC 1.4). @param {string} text @param {number} [length] in bytes */
export function fromHex(text, length) {
  if (typeof text !== 'string' || !/^([0-9a-f]{2})*$/.test(text)) throw new TypeError('not lower-case hex');
  const bytes = new Uint8Array(Buffer.from(text, 'hex'));
  if (length !== undefined && bytes.length !== length) throw new TypeError(`not ${length} bytes of hex`);
  return bytes;
}

/** Unpadded base64url. @param {Uint8Array} bytes */
export const toBase64Url = (bytes) => Buffer.from(bytes).toString('base64url');

/** Refuses every text but the one that an encoder writes. @param {string} text */
export function fromBase64Url(text) {
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  if (toBase64Url(bytes) !== text) throw new TypeError('not unpadded base64url');
  return bytes;
}

/** For public values. @param {Uint8Array} a @param {Uint8Array} b */
export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** For secrets and commitments: takes as long whatever differs. @param {Uint8Array} a @param {Uint8Array} b */
export function equalInConstantTime(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at += 1) difference |= a[at] ^ b[at];
  return difference === 0;
}

/** Byte order, as ids are sorted. @param {Uint8Array} a @param {Uint8Array} b */
export const compare = (a, b) => Buffer.compare(a, b);

/** @param {Uint8Array} bytes */
export const isZero = (bytes) => bytes.every((byte) => byte === 0);
