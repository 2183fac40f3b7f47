// One event by itself (SPEC 4): its header, id and signature. Whether it may stand at its place is for the log.
import { require } from './errors.js';
import { hash, sha256 } from './hashing.js';
import { MAX_EVENT_CIPHERTEXT, MAX_HEADER, SIGNATURE } from './limits.js';
import { sign, verify } from './signatures.js';
import { decodeCanonical, encode } from './wire.js';

const CONTENT = 1;
const TAG = 16;

/**
 * @typedef {object} Header
 * @property {Uint8Array} spaceId
 * @property {bigint} epoch
 * @property {Uint8Array} keyId
 * @property {Uint8Array} principalId
 * @property {Uint8Array} writerId
 * @property {bigint} writerIndex
 * @property {Uint8Array} previousEventId
 * @property {bigint} controlIndex
 * @property {Uint8Array} controlHead
 * @property {bigint} seenSeq
 * @property {Uint8Array} seenRoot
 * @property {Uint8Array} nonce
 */

/**
 * @typedef {object} SignedEvent
 * @property {Uint8Array} header
 * @property {Uint8Array} ciphertext
 * @property {Uint8Array} ciphertextHash
 * @property {Uint8Array} signature
 */
/** @typedef {{ id: Uint8Array, header: Header, signed: SignedEvent, ciphertextHash: Uint8Array }} ParsedEvent */

const LENGTHS = { spaceId: 32, keyId: 32, principalId: 32, writerId: 16, controlHead: 32, seenRoot: 32, nonce: 24 };

/** @param {Uint8Array} bytes @returns {Header} */
export function parseHeader(bytes) {
  require(bytes.length <= MAX_HEADER, 'too_large', 'a header');
  const header = decodeCanonical('EventHeader', bytes);
  require(header.version === 1 && header.class === CONTENT, 'malformed', 'a header of another version or class');
  for (const [field, length] of Object.entries(LENGTHS)) {
    require(header[field].length === length, 'malformed', `${field} of another length`);
  }
  require(header.epoch > 0n && header.writerIndex > 0n && header.controlIndex > 0n, 'malformed', 'a zero in a header');
  const previous = header.writerIndex === 1n ? 0 : 32;
  require(header.previousEventId.length === previous, 'malformed', 'a previous event id where there is none');
  return header;
}

/** @param {Header} header @returns {Uint8Array} */
export const encodeHeader = (header) => encode('EventHeader', { version: 1, class: CONTENT, ...header });

/** @param {SignedEvent} signed */
function hashOfCiphertext({ ciphertext, ciphertextHash }) {
  if (ciphertext.length === 0) {
    require(ciphertextHash.length === 32, 'malformed', 'neither ciphertext nor its hash');
    return ciphertextHash;
  }
  require(ciphertextHash.length === 0, 'malformed', 'both ciphertext and its hash');
  require(ciphertext.length >= TAG, 'malformed', 'a ciphertext shorter than its tag');
  require(ciphertext.length <= MAX_EVENT_CIPHERTEXT, 'too_large', 'a ciphertext');
  return sha256(ciphertext);
}

/** Everything but the signature, whose key the log knows. @param {SignedEvent} signed @returns {ParsedEvent} */
export function parseEvent(signed) {
  const header = parseHeader(signed.header);
  const ciphertextHash = hashOfCiphertext(signed);
  require(signed.signature.length === SIGNATURE, 'malformed', 'a signature of another length');
  return { id: hash('event-id', [signed.header, ciphertextHash]), header, signed, ciphertextHash };
}

/** @param {ParsedEvent} event @param {Uint8Array} signingKey */
export function requireSignatureOfEvent({ signed, ciphertextHash }, signingKey) {
  const genuine = verify(signingKey, 'event', [signed.header, ciphertextHash], signed.signature);
  require(genuine, 'bad_signature', 'of an event');
}

/**
 * @param {Uint8Array} seed the author's
 * @param {Uint8Array} header
 * @param {Uint8Array} ciphertext
 * @returns {SignedEvent}
 */
export function signEvent(seed, header, ciphertext) {
  const signature = sign(seed, 'event', [header, sha256(ciphertext)]);
  return { header, ciphertext, signature, ciphertextHash: new Uint8Array(0) };
}
