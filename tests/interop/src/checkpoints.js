// The relay's signed word on what a log is (SPEC 3).
import { require } from './errors.js';
import { isStrictKey, verify } from './signatures.js';
import { decodeCanonical } from './wire.js';

/** @typedef {{ checkpoint: Uint8Array, signature: Uint8Array }} SignedCheckpoint */
/** @typedef {{ spaceId: Uint8Array, incarnation: Uint8Array, seq: bigint, root: Uint8Array }} Checkpoint */

const LENGTHS = { spaceId: 32, incarnation: 16, root: 32 };

/** @param {SignedCheckpoint} signed @param {Uint8Array} key the relay's checkpoint key @returns {Checkpoint} */
export function verifyCheckpoint(signed, key) {
  require(isStrictKey(key), 'malformed', 'a checkpoint key that must not be used');
  require(verify(key, 'checkpoint', [signed.checkpoint], signed.signature), 'bad_signature', 'of a checkpoint');
  const checkpoint = decodeCanonical('Checkpoint', signed.checkpoint);
  require(checkpoint.version === 1, 'malformed', 'a checkpoint of another version');
  for (const [field, length] of Object.entries(LENGTHS)) {
    require(checkpoint[field].length === length, 'malformed', `${field} of another length`);
  }
  return checkpoint;
}
