// One control record by itself (SPEC 5): its shape, id and signatures. What it does to a space is in `chain.js`.
import { require } from './errors.js';
import { hash } from './hashing.js';
import { MAX_CONTROL_RECORD, SIGNATURE } from './limits.js';
import { sign, verify } from './signatures.js';
import { decodeCanonical, encode } from './wire.js';

/** @typedef {{ record: Uint8Array, signature: Uint8Array, coSignature: Uint8Array }} SignedControl */

/**
 * @typedef {object} ControlRecord
 * @property {Uint8Array} spaceId
 * @property {bigint} controlIndex
 * @property {Uint8Array} previousHead
 * @property {Uint8Array} author
 * @property {bigint} seenSeq
 * @property {Uint8Array} seenRoot
 * @property {string} body which of the bodies it has: `genesis`, `addMember` ...
 */

/** @typedef {{ id: Uint8Array, record: ControlRecord & Record<string, any>, signed: SignedControl }} ParsedControl */

/** @param {ControlRecord} record */
function requireGenesisShape(record) {
  const empty = record.spaceId.length + record.previousHead.length + record.seenRoot.length === 0;
  require(empty && record.seenSeq === 0n, 'malformed', 'a genesis record that names something before it');
}

/** @param {ControlRecord} record */
function requireLaterShape(record) {
  const lengths = [record.spaceId, record.previousHead, record.seenRoot].every((bytes) => bytes.length === 32);
  require(lengths, 'malformed', 'a record without space, head or root');
}

/** Everything but the signatures, whose keys the log knows. @param {SignedControl} signed @returns {ParsedControl} */
export function parseControl(signed) {
  require(signed.record.length <= MAX_CONTROL_RECORD, 'too_large', 'a control record');
  const record = decodeCanonical('ControlRecord', signed.record);
  require(record.version === 1 && record.body, 'malformed', 'a record of another version, or without a body');
  require(record.author.length === 32, 'malformed', 'a record without an author');
  require((record.controlIndex === 1n) ===
    (record.body === 'genesis'), 'malformed', 'a genesis record exactly at index 1');
  require(record.controlIndex > 0n, 'malformed', 'control index 0');
  if (record.body === 'genesis') requireGenesisShape(record);
  else requireLaterShape(record);
  require(signed.signature.length === SIGNATURE, 'malformed', 'a signature of another length');
  require([0, SIGNATURE].includes(signed.coSignature.length), 'malformed', 'a second signature of another length');
  return { id: hash('control-id', [signed.record]), record, signed };
}

/** @param {ParsedControl} control @param {Uint8Array} signingKey */
export function requireSignatureOfControl({ signed }, signingKey) {
  require(verify(signingKey, 'control', [signed.record], signed.signature), 'bad_signature', 'of a control record');
}

/** @param {ParsedControl} control @param {Uint8Array} signingKey of the second signer */
export function requireCoSignatureOfControl({ signed }, signingKey) {
  require(verify(
    signingKey,
    'control-co',
    [signed.record],
    signed.coSignature,
  ), 'bad_signature', 'the second one of a record');
}

/** The space that a genesis record makes. @param {ParsedControl} genesis */
export const spaceIdOf = ({ signed }) => hash('space-id', [signed.record]);

/** @param {Uint8Array} seed the author's @param {object} record @returns {SignedControl} */
export function signControl(seed, record) {
  const bytes = encode('ControlRecord', { version: 1, ...record });
  return { record: bytes, signature: sign(seed, 'control', [bytes]), coSignature: new Uint8Array(0) };
}
