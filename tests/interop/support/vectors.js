// Reads the vectors that come with the specification.
import { readFileSync } from 'node:fs';
import { fromHex } from '../src/bytes.js';

const read = (/** @type {string} */ relative) => JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8'));

/** @param {string} name @returns {any[]} */
export const vectors = (name) => read(`../../../protocol/vectors/${name}.json`).vectors;

export const keystoreVectors = () => read('../../../client-sdk/vectors/keystore.json');

export const blobVectors = () => read('../../../client-sdk/vectors/blob.json');

export const approvalVectors = () => read('../../../client-sdk/vectors/approval.json');

/** @param {string} hex */
export const hex = (hex) => fromHex(hex);

/** What `action` was refused with, or null. @param {() => unknown} action */
export function refusal(action) {
  try {
    action();
    return null;
  } catch (error) {
    return error.code ?? error;
  }
}
