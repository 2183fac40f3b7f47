// Invite links (SPEC 6): what is in one, and the keys that derive from its secret.
import { concat, equal, fromBase64Url, toBase64Url, utf8 } from './bytes.js';
import { require } from './errors.js';
import { framed, hash, hkdf } from './hashing.js';
import { MAX_RELAY_URL } from './limits.js';
import { sign } from './signatures.js';

const VERSION = Uint8Array.of(1);
const SPACE_AT = 33;
const RELAY_AT = 65;
const CHECKSUM = 4;

/** @param {Uint8Array} body */
const checksum = (body) => hash('invite-link', [body]).subarray(0, CHECKSUM);

/** @param {string} relay its public origin @param {Uint8Array} spaceId @param {Uint8Array} secret 32 random bytes */
export function writeLink(relay, spaceId, secret) {
  const body = concat(VERSION, secret, spaceId, utf8(relay));
  return `${relay}/i#${toBase64Url(concat(body, checksum(body)))}`;
}

/** Before anybody is contacted. @param {string} link */
export function readLink(link) {
  const [relay, fragment, ...rest] = link.trim().split('/i#');
  require(fragment && rest.length === 0 && relay.length <= MAX_RELAY_URL, 'malformed', 'not an invite link');
  const bytes = decodeFragment(fragment);
  const body = bytes.subarray(0, -CHECKSUM);
  require(body.length > RELAY_AT && equal(checksum(body), bytes.subarray(-CHECKSUM)), 'malformed', 'an altered link');
  require(body[0] === VERSION[0], 'malformed', 'a link of another version');
  require(equal(body.subarray(RELAY_AT), utf8(relay)), 'malformed', 'a link of another relay');
  return { relay, spaceId: body.slice(SPACE_AT, RELAY_AT), secret: body.slice(1, SPACE_AT) };
}

/** @param {string} fragment */
function decodeFragment(fragment) {
  try {
    return fromBase64Url(fragment);
  } catch {
    require(false, 'malformed', 'an altered link');
  }
}

/** The seeds of the keys that an invite record names. @param {ReturnType<typeof readLink>} link */
export function inviteSeeds({ relay, spaceId, secret }) {
  const derive = (/** @type {string} */ label) => hkdf(secret, framed(label, [spaceId, utf8(relay)]));
  return { signing: derive('invite-signing-key'), hpke: derive('invite-hpke-key') };
}

/** What asks a relay for an invite. @param {Uint8Array} signingSeed @param {Uint8Array} spaceId @param {Uint8Array} principalId */
export const signLookup = (signingSeed, spaceId, principalId) =>
  sign(signingSeed, 'invite-lookup', [spaceId, principalId]);
