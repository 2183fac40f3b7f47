// XChaCha20-Poly1305; all failures to open look alike (SPEC 7).
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { CannotOpen } from './errors.js';

/** @param {Uint8Array} key @param {Uint8Array} nonce @param {Uint8Array} context @param {Uint8Array} plaintext */
export const seal = (key, nonce, context, plaintext) => xchacha20poly1305(key, nonce, context).encrypt(plaintext);

/** @param {Uint8Array} key @param {Uint8Array} nonce @param {Uint8Array} context @param {Uint8Array} ciphertext */
export function open(key, nonce, context, ciphertext) {
  try {
    return xchacha20poly1305(key, nonce, context).decrypt(ciphertext);
  } catch {
    throw new CannotOpen();
  }
}
