// Ephemeral, sealed, signed frames (SPEC 8).
import { toHex } from './bytes.js';
import { require } from './errors.js';
import { sha256 } from './hashing.js';
import { MAX_HEADER, MAX_SIGNAL_CIPHERTEXT, SIGNATURE } from './limits.js';
import { pad, unpad } from './padding.js';
import { open, seal } from './sealing.js';
import { sign, verify } from './signatures.js';
import { decodeCanonical, encode } from './wire.js';

const LENGTHS = { spaceId: 32, keyId: 32, principalId: 32, writerId: 16, nonce: 24 };

/** @typedef {{ header: Uint8Array, ciphertext: Uint8Array, signature: Uint8Array }} SignedSignal */
/**
 * @typedef {object} SignalHeader
 * @property {Uint8Array} spaceId
 * @property {bigint} epoch
 * @property {Uint8Array} keyId
 * @property {Uint8Array} principalId
 * @property {Uint8Array} writerId
 * @property {bigint} counter
 * @property {Uint8Array} nonce
 */

/** @param {SignedSignal} signed @returns {{ header: SignalHeader, signed: SignedSignal }} */
export function parseSignal(signed) {
  require(signed.header.length <= MAX_HEADER, 'too_large', 'a header');
  require(signed.ciphertext.length <= MAX_SIGNAL_CIPHERTEXT, 'too_large', 'a signal');
  const header = decodeCanonical('SignalHeader', signed.header);
  require(header.version === 1 && header.epoch > 0n, 'malformed', 'a signal of another version or epoch 0');
  for (const [field, length] of Object.entries(LENGTHS)) {
    require(header[field].length === length, 'malformed', `${field} of another length`);
  }
  require(signed.signature.length === SIGNATURE && signed.ciphertext.length >= 16, 'malformed', 'a signal cut short');
  return { header, signed };
}

/** @param {SignedSignal} signed @param {Uint8Array} signingKey */
export function requireSignatureOfSignal({ header, ciphertext, signature }, signingKey) {
  require(verify(signingKey, 'signal', [header, sha256(ciphertext)], signature), 'bad_signature', 'of a signal');
}

/** @typedef {{ kind: 'application', application: Uint8Array }} FromApplication */
/** @typedef {{ kind: 'heartbeat', heartbeat: { checkpoint: import('./checkpoints.js').SignedCheckpoint } }} Heartbeat */
/** @typedef {FromApplication | Heartbeat} SignalContent what is sealed in a signal */

/** @param {SignalContent} content */
export const packSignal = (content) => pad(encode('SignalContent', content));

/** Refuses what `packSignal` would not have written. @param {Uint8Array} padded @returns {SignalContent} */
export function unpackSignal(padded) {
  const content = decodeCanonical('SignalContent', unpad(padded));
  const isKnown = content.kind === 'application' || (content.kind === 'heartbeat' && content.heartbeat.checkpoint);
  require(isKnown, 'malformed', 'a signal of no known kind');
  return content;
}

/**
 * @param {import('./epochs.js').EpochKeys} keys
 * @param {Uint8Array} seed the author's
 * @param {SignalHeader} fields
 * @param {SignalContent} content
 * @returns {SignedSignal}
 */
export function signSignal(keys, seed, fields, content) {
  const header = encode('SignalHeader', { version: 1, ...fields });
  const ciphertext = seal(keys.signalKey, fields.nonce, header, packSignal(content));
  return { header, ciphertext, signature: sign(seed, 'signal', [header, sha256(ciphertext)]) };
}

/** Accepts signals of current members in the current epoch, each (principal, writer, epoch) with a rising counter. */
export class SignalReceiver {
  #counters = new Map();

  /**
   * @param {import('./chain.js').ControlChain} chain
   * @param {import('./epochs.js').EpochKeys} keys of the current epoch
   * @param {SignedSignal} signed
   */
  receive(chain, keys, signed) {
    const { header } = parseSignal(signed);
    const member = chain.requireMember(header.principalId);
    requireSignatureOfSignal(signed, member.principal.signingKey);
    require(header.epoch === keys.epoch.number &&
      toHex(header.keyId) === toHex(keys.epoch.keyId), 'stale_epoch', 'a signal');
    const key = `${toHex(header.principalId)}/${toHex(header.writerId)}/${header.epoch}`;
    require(header.counter > (this.#counters.get(key) ?? 0n), 'malformed', 'a signal that came before');
    const content = unpackSignal(open(keys.signalKey, header.nonce, signed.header, signed.ciphertext));
    this.#counters.set(key, header.counter);
    return { header, content };
  }
}
