// Approval of a new device (SPEC 13): its code, and what a device that is logged in seals to it.
import { concat, equal, utf8 } from './bytes.js';
import { inGroups, readSymbols, toBytes, toNumber, toSymbols } from './crockford.js';
import { hpkeOpenPsk, hpkeSealPsk } from './epochs.js';
import { CannotOpen } from './errors.js';
import { framed, hash, hkdf } from './hashing.js';
import { MAX_APPROVAL } from './limits.js';
import { isHandle } from './principals.js';
import { sign, verify } from './signatures.js';
import { decodeCanonical, encode } from './wire.js';

const PREFIX = 'sealpost-new-device';
const SECRET = 16;
const REQUEST_END = 48;
const SYMBOLS = 80;
const VERSION = 1;

/** @typedef {{ handle: string, secret: Uint8Array, request: Uint8Array }} DeviceCode */

/**
 * What a code commits to.
 * @param {{ origin: string, handle: string, deviceName: string, hpkeKey: Uint8Array }} device
 */
export const requestOf = ({ origin, handle, deviceName, hpkeKey }) =>
  hash('device-request', [utf8(origin), utf8(handle), utf8(deviceName), hpkeKey]);

/** @param {DeviceCode} code */
const checksum = ({ handle, secret, request }) => hash('device-code', [utf8(handle), secret, request]).subarray(0, 2);

/** @param {DeviceCode} code */
export function writeDeviceCode(code) {
  const bytes = concat(code.secret, code.request, checksum(code));
  return `${PREFIX}:${code.handle}:${inGroups(toSymbols(toNumber(bytes), SYMBOLS))}`;
}

/** @param {string} text as a person typed it @returns {DeviceCode} */
export function readDeviceCode(text) {
  const [prefix, handle, symbols, ...rest] = text.trim().split(':');
  if (prefix !== PREFIX || !isHandle(handle) || symbols === undefined || rest.length > 0) throw new CannotOpen();
  const bytes = toBytes(readSymbols(symbols, SYMBOLS));
  const code = { handle, secret: bytes.slice(0, SECRET), request: bytes.slice(SECRET, REQUEST_END) };
  if (!equal(checksum(code), bytes.subarray(REQUEST_END))) throw new CannotOpen();
  return code;
}

/** What the relay knows the request by. @param {DeviceCode} code */
export const requestToken = ({ secret, request }) => hkdf(secret, framed('device-token', [request]));

/** @param {DeviceCode} code */
export const presharedKey = ({ secret, request }) => hkdf(secret, framed('device-psk', [request]));

/** @param {DeviceCode} code */
const hpkeOptions = (code) => ({
  info: framed('device-approval-info', [code.request]),
  psk: { id: code.request, key: presharedKey(code) },
});

/**
 * @param {DeviceCode} code
 * @param {object} grant the fields of a DeviceGrant
 * @param {Uint8Array} signingSeed of the owner
 * @param {Uint8Array} hpkeKey of the new device
 */
export function sealApproval(code, grant, signingSeed, hpkeKey) {
  const bytes = encode('DeviceGrant', { ...grant, version: VERSION });
  const signed = encode('SignedGrant', { grant: bytes, signature: sign(signingSeed, 'device-approval', [bytes]) });
  return hpkeSealPsk(hpkeKey, hpkeOptions(code), signed);
}

/** What a new device was given, to be compared with all that it knows. @param {DeviceCode} code @param {Uint8Array} hpkeSeed @param {Uint8Array} sealed */
export async function openApproval(code, hpkeSeed, sealed) {
  if (sealed.length > MAX_APPROVAL) throw new CannotOpen();
  const plaintext = await hpkeOpenPsk(hpkeSeed, hpkeOptions(code), sealed);
  try {
    const { grant: bytes, signature } = decodeCanonical('SignedGrant', plaintext);
    const grant = decodeCanonical('DeviceGrant', bytes);
    const lengths = { accountId: 16, principalId: 32, request: 32, rootKey: 32, keystoreDigest: 32 };
    const wellFormed = Object.entries(lengths).every(([field, length]) => grant[field].length === length);
    if (grant.version !== VERSION || grant.generation === 0n || !wellFormed) throw new CannotOpen();
    return { grant, isBy: (/** @type {Uint8Array} */ key) => verify(key, 'device-approval', [bytes], signature) };
  } catch {
    throw new CannotOpen();
  }
}
