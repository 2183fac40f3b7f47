// Epoch secrets (SPEC 6): the keys that derive from one, the wraps it travels in, and the history sealed under it.
import { Chacha20Poly1305 } from '@hpke/chacha20poly1305';
import { CipherSuite, HkdfSha256 } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { compare, concat, equalInConstantTime, u64 } from './bytes.js';
import { CannotOpen } from './errors.js';
import { framed, hash, hkdf, sha256 } from './hashing.js';
import { SEALED_PREVIOUS, WRAP } from './limits.js';
import { open, seal } from './sealing.js';

const ENC = 1_120;
const NONCE = 24;
const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });

/** A span of a space's life under one secret, named by what the signed chain says of it. */
/** @typedef {{ spaceId: Uint8Array, number: bigint, keyId: Uint8Array }} Epoch */

/** @param {Uint8Array} secret @param {string} label @param {Uint8Array} spaceId @param {bigint} number */
const derive = (secret, label, spaceId, number) => hkdf(secret, framed(label, [spaceId, u64(number)]));

/** The public commitment to a secret. @param {Uint8Array} secret @param {Uint8Array} spaceId @param {bigint} number */
export const keyIdOf = (secret, spaceId, number) => derive(secret, 'key-id', spaceId, number);

/** Refuses a secret that is not the one the chain names; everybody who gets one MUST ask here first. */
export class EpochKeys {
  /** @param {Epoch} epoch @param {Uint8Array} secret */
  constructor(epoch, secret) {
    const { spaceId, number, keyId } = epoch;
    if (secret.length !== 32 || !equalInConstantTime(keyIdOf(secret, spaceId, number), keyId)) throw new CannotOpen();
    this.epoch = epoch;
    this.secret = secret;
    this.contentKey = derive(secret, 'content-key', spaceId, number);
    this.signalKey = derive(secret, 'signal-key', spaceId, number);
    this.historyKey = derive(secret, 'history-key', spaceId, number);
  }
}

/** @param {Epoch} epoch @param {import('./principals.js').Principal} recipient */
export const wrapInfo = ({ spaceId, number, keyId }, recipient) =>
  framed('wrap-info', [spaceId, u64(number), keyId, recipient.id, sha256(recipient.hpkeKey)]);

/**
 * Seals a secret to a member of the verified chain.
 * @param {Epoch} epoch
 * @param {Uint8Array} secret
 * @param {import('./principals.js').Principal} recipient
 */
export async function wrap(epoch, secret, recipient) {
  const recipientPublicKey = await suite.kem.importKey('raw', arrayBuffer(recipient.hpkeKey), true);
  const info = arrayBuffer(wrapInfo(epoch, recipient));
  const { enc, ct } = await suite.seal({ recipientPublicKey, info }, arrayBuffer(secret));
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

/**
 * @param {Epoch} epoch as the chain names it
 * @param {Uint8Array} sealed
 * @param {import('./principals.js').Principal} self
 * @param {Uint8Array} hpkeSeed
 */
export async function unwrap(epoch, sealed, self, hpkeSeed) {
  if (sealed.length !== WRAP) throw new CannotOpen();
  try {
    const recipientKey = await suite.kem.importKey('raw', arrayBuffer(hpkeSeed), false);
    const enc = arrayBuffer(sealed.subarray(0, ENC));
    const info = arrayBuffer(wrapInfo(epoch, self));
    const secret = await suite.open({ recipientKey, enc, info }, arrayBuffer(sealed.subarray(ENC)));
    return new EpochKeys(epoch, new Uint8Array(secret));
  } catch {
    throw new CannotOpen();
  }
}

/**
 * Seals to an X-Wing key under a preshared key too.
 * @param {Uint8Array} hpkeKey
 * @param {{ info: Uint8Array, psk: { id: Uint8Array, key: Uint8Array } }} options
 * @param {Uint8Array} plaintext
 */
export async function hpkeSealPsk(hpkeKey, options, plaintext) {
  const recipientPublicKey = await suite.kem.importKey('raw', arrayBuffer(hpkeKey), true);
  const { enc, ct } = await suite.seal({ recipientPublicKey, ...pskOptions(options) }, arrayBuffer(plaintext));
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

/** @param {Uint8Array} hpkeSeed @param {Parameters<typeof hpkeSealPsk>[1]} options @param {Uint8Array} sealed */
export async function hpkeOpenPsk(hpkeSeed, options, sealed) {
  try {
    const recipientKey = await suite.kem.importKey('raw', arrayBuffer(hpkeSeed), false);
    const enc = arrayBuffer(sealed.subarray(0, ENC));
    const ciphertext = arrayBuffer(sealed.subarray(ENC));
    return new Uint8Array(await suite.open({ recipientKey, enc, ...pskOptions(options) }, ciphertext));
  } catch {
    throw new CannotOpen();
  }
}

/** @param {Parameters<typeof hpkeSealPsk>[1]} options */
const pskOptions = ({ info, psk }) => ({
  info: arrayBuffer(info),
  psk: { id: arrayBuffer(psk.id), key: arrayBuffer(psk.key) },
});

/** The public key of an X-Wing seed. @param {Uint8Array} seed */
export async function hpkeKeyOf(seed) {
  const { publicKey } = await suite.kem.generateKeyPairDerand(seed);
  return new Uint8Array(await suite.kem.serializePublicKey(publicKey));
}

/** @param {Uint8Array} sealed */
export const wrapHash = (sealed) => hash('wrap', [sealed]);

/** What a Rekey record names. @param {{ recipient: Uint8Array, wrapHash: Uint8Array }[]} wraps in any order */
export function wrapsDigest(wraps) {
  const sorted = [...wraps].sort((a, b) => compare(a.recipient, b.recipient));
  return hash('wraps', [concat(...sorted.flatMap((one) => [one.recipient, one.wrapHash]))]);
}

/** @param {Epoch} previous @param {Epoch} next */
export const historyContext = (previous, next) =>
  framed('history', [previous.spaceId, u64(previous.number), previous.keyId, u64(next.number), next.keyId]);

/** @param {EpochKeys} previous @param {EpochKeys} next @param {import('./random.js').Random} random */
export function sealPrevious(previous, next, random) {
  const nonce = random(NONCE);
  const context = historyContext(previous.epoch, next.epoch);
  return concat(nonce, seal(next.historyKey, nonce, context, previous.secret));
}

/** The keys of the epoch before. @param {Uint8Array} sealed @param {Epoch} previous @param {EpochKeys} next */
export function openPrevious(sealed, previous, next) {
  if (sealed.length !== SEALED_PREVIOUS) throw new CannotOpen();
  const context = historyContext(previous, next.epoch);
  return new EpochKeys(previous, open(next.historyKey, sealed.subarray(0, NONCE), context, sealed.subarray(NONCE)));
}

/** A buffer of its own: the library reads the whole of what it is given. @param {Uint8Array} bytes */
const arrayBuffer = (bytes) => new Uint8Array(bytes).buffer;
