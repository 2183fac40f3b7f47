// Sealed keystores (SPEC 14): opened by an OPAQUE export key or a recovery code, sealed again with the same slots.
import { compare, equalInConstantTime, u32, u64 } from './bytes.js';
import { CannotOpen } from './errors.js';
import { framed, hkdf, label } from './hashing.js';
import { MAX_KEYSTORE } from './limits.js';
import { pad, unpad } from './padding.js';
import { open, seal } from './sealing.js';
import { decodeCanonical, encode } from './wire.js';

const VERSION = 1;
/** The kind of a passphrase slot that opens together with a device secret, and that secret's length. */
const SLOT_WITH_DEVICE_SECRET = 1;
const DEVICE_SECRET = 16;

/** @typedef {{ salt: Uint8Array, commitment: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array }} Box */
/** @typedef {'passphrase' | 'recovery'} Slot */

/** @param {Uint8Array} key @param {Uint8Array} salt @param {Uint8Array} context */
function boxKeys(key, salt, context) {
  const bytes = hkdf(key, context, { salt, length: 64 });
  return { encryptionKey: bytes.subarray(0, 32), commitment: bytes.subarray(32) };
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} context
 * @param {Uint8Array} plaintext
 * @param {import('./random.js').Random} random
 * @returns {Box}
 */
function sealBox(key, context, plaintext, random) {
  const [salt, nonce] = [random(32), random(24)];
  const { encryptionKey, commitment } = boxKeys(key, salt, context);
  return { salt, commitment, nonce, ciphertext: seal(encryptionKey, nonce, context, plaintext) };
}

/** @param {Box | null} box @param {Uint8Array} key @param {Uint8Array} context */
function openBox(box, key, context) {
  if (!box || box.salt.length !== 32 || box.nonce.length !== 24) throw new CannotOpen();
  const { encryptionKey, commitment } = boxKeys(key, box.salt, context);
  if (!equalInConstantTime(commitment, box.commitment)) throw new CannotOpen();
  return open(encryptionKey, box.nonce, context, box.ciphertext);
}

/** @param {Slot} slot @param {Uint8Array} secret export key or recovery secret @param {Uint8Array} accountId */
export const slotKey = (slot, secret, accountId) => hkdf(secret, framed(`${slot}-slot`, [accountId]));

/** @param {Slot} slot @param {Uint8Array} accountId */
const slotContext = (slot, accountId) => framed('keystore-slot', [u32(VERSION), accountId, label(`${slot}-slot`)]);

/** @param {any} keystore */
function contentContext({ accountId, generation, passphraseSlot, recoverySlot }) {
  const slots = [passphraseSlot, recoverySlot].map((slot) => encode('Box', slot));
  return framed('keystore-content', [u32(VERSION), accountId, u64(generation), ...slots]);
}

/** @param {Uint8Array} bytes @param {Uint8Array} accountId whose it must be */
function parseSealed(bytes, accountId) {
  if (bytes.length > MAX_KEYSTORE) throw new CannotOpen();
  const keystore = decodeCanonical('SealedKeystore', bytes);
  const own = equalInConstantTime(keystore.accountId, accountId);
  const complete = keystore.passphraseSlot && keystore.recoverySlot && keystore.content;
  const known = keystore.version === VERSION && keystore.passphraseSlotKind <= SLOT_WITH_DEVICE_SECRET;
  if (!known || !own || keystore.generation === 0n || !complete) throw new CannotOpen();
  return keystore;
}

/** Whether ids rise strictly. @param {Uint8Array[]} ids */
const areSorted = (ids) => ids.every((id, at) => id.length === 32 && (at === 0 || compare(ids[at - 1], id) < 0));

/** Verified in all of its parts, or in none. @param {any} space */
function isSpace({ controlHead, controlIndex, seq, root, lostWith }) {
  if (lostWith.length !== 0 && lostWith.length !== 32) return false;
  if (controlHead.length === 0) return controlIndex === 0n && seq === 0n && root.length === 0;
  return controlHead.length === 32 && root.length === 32 && controlIndex > 0n && seq > 0n;
}

/** @param {Uint8Array} bytes */
function parseContent(bytes) {
  const content = decodeCanonical('KeystoreContent', bytes);
  const seeds = content.signingSeed.length === 32 && content.hpkeSeed.length === 32;
  const sorted =
    areSorted(content.spaces.map((space) => space.spaceId)) &&
    areSorted(content.contacts.map((one) => one.principalId));
  const pinned = content.relay?.opaquePublicKey.length === 32;
  const secret = [0, DEVICE_SECRET].includes(content.deviceSecret.length);
  if (!seeds || !sorted || !pinned || !secret || !content.spaces.every(isSpace)) throw new CannotOpen();
  return content;
}

/**
 * Opens a keystore by one of its slots. What it returns can be sealed again.
 * @param {Uint8Array} bytes @param {Uint8Array} accountId @param {Slot} slot @param {Uint8Array} secret
 */
export function openKeystore(bytes, accountId, slot, secret) {
  try {
    const sealed = parseSealed(bytes, accountId);
    // This client has no device secrets.
    if (slot === 'passphrase' && sealed.passphraseSlotKind === SLOT_WITH_DEVICE_SECRET) throw new CannotOpen();
    const box = slot === 'passphrase' ? sealed.passphraseSlot : sealed.recoverySlot;
    const rootKey = openBox(box, slotKey(slot, secret, accountId), slotContext(slot, accountId));
    if (rootKey.length !== 32) throw new CannotOpen();
    const content = parseContent(unpad(openBox(sealed.content, rootKey, contentContext(sealed))));
    return { sealed, rootKey, generation: sealed.generation, content };
  } catch {
    throw new CannotOpen();
  }
}

/**
 * The next generation, behind the same slots.
 * @param {ReturnType<typeof openKeystore>} opened
 * @param {any} content
 * @param {import('./random.js').Random} random
 */
export function sealNextGeneration({ sealed, rootKey, generation }, content, random) {
  const next = { ...sealed, generation: generation + 1n };
  next.content = sealBox(rootKey, contentContext(next), pad(encode('KeystoreContent', content)), random);
  return encode('SealedKeystore', next);
}
