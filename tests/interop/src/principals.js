// Manifests, principal ids, fingerprints and contact cards (SPEC 2 and 14).
import { fromBase64Url, toBase64Url, toHex, utf8 } from './bytes.js';
import { require } from './errors.js';
import { hash } from './hashing.js';
import { HPKE_KEY, SIGNATURE } from './limits.js';
import { isStrictKey, verify } from './signatures.js';
import { decode, decodeCanonical, encode } from './wire.js';

export const HUMAN = 1;
export const AGENT = 2;

/**
 * @typedef {object} Principal
 * @property {Uint8Array} id
 * @property {number} kind HUMAN or AGENT
 * @property {Uint8Array} signingKey Ed25519
 * @property {Uint8Array} hpkeKey X-Wing
 * @property {Uint8Array} manifest its bytes as they came
 */

/** The principal of a manifest without a signature of its own. @param {Uint8Array} manifest @returns {Principal} */
export function parseManifest(manifest) {
  const { version, kind, signingKey, hpkeKey } = decodeCanonical('PrincipalManifest', manifest);
  require(version === 1, 'malformed', 'a manifest of another version');
  require(kind === HUMAN || kind === AGENT, 'malformed', 'a principal of unknown kind');
  require(hpkeKey.length === HPKE_KEY, 'malformed', 'an HPKE key of another length');
  require(isStrictKey(signingKey), 'malformed', 'a signing key that must not be used');
  return { id: hash('principal-id', [manifest]), kind, signingKey, hpkeKey, manifest };
}

/** @param {Uint8Array} bytes a SignedManifest @returns {Principal} */
export function parseSignedManifest(bytes) {
  const { manifest, signature } = decode('SignedManifest', bytes);
  const principal = parseManifest(manifest);
  require(signature.length === SIGNATURE, 'malformed', 'a signature of another length');
  require(verify(principal.signingKey, 'manifest', [manifest], signature), 'bad_signature', 'of a manifest');
  return principal;
}

/** @param {{ kind: number, signingKey: Uint8Array, hpkeKey: Uint8Array }} parts */
export const encodeManifest = (parts) => encode('PrincipalManifest', { version: 1, ...parts });

/** What people compare: eight groups of five digits. @param {Uint8Array} principalId */
export function fingerprint(principalId) {
  const digest = hash('fingerprint', [principalId]);
  const view = new DataView(digest.buffer, digest.byteOffset);
  const group = (/** @type {number} */ at) => String(view.getUint32(4 * at) % 100_000).padStart(5, '0');
  return [0, 1, 2, 3, 4, 5, 6, 7].map(group).join(' ');
}

/** What a terminal may show and a command may be given. @param {string} text */
export const isHandle = (text) => /^[a-z0-9][a-z0-9._-]{2,31}$/.test(text);

/** The same in words. @param {Uint8Array} principalId @param {string[]} list 2,048 words */
export function fingerprintWords(principalId, list) {
  const bits = [...hash('fingerprint', [principalId])].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const word = (/** @type {number} */ at) => list[Number.parseInt(bits.slice(11 * at, 11 * at + 11), 2)];
  return Array.from({ length: 12 }, (_, at) => word(at)).join(' ');
}

const cardChecksum = (/** @type {string} */ text) => toHex(hash('contact-card', [utf8(text)]).subarray(0, 4));

/** @param {string} handle @param {Uint8Array} signedManifest */
export function writeCard(handle, signedManifest) {
  const text = `sealpost-contact:1:${handle}:${toBase64Url(signedManifest)}`;
  return `${text}:${cardChecksum(text)}`;
}

/** @param {string} card */
export function readCard(card) {
  const text = card.trim();
  const [scheme, version, handle, manifest, checksum, ...rest] = text.split(':');
  const signed = text.slice(0, text.lastIndexOf(':'));
  require(scheme === 'sealpost-contact' && version === '1' && rest.length === 0, 'malformed', 'not a contact card');
  require(checksum === cardChecksum(signed), 'malformed', 'a contact card with a typing error');
  require(isHandle(handle), 'malformed', 'a contact card whose handle is not one');
  return { handle, principal: parseSignedManifest(fromBase64Url(manifest)) };
}
