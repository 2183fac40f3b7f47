// What an event says (SPEC 7): messages, sealed under the epoch's content key with the header's bytes as context.
import { CannotOpen, require } from './errors.js';
import { MAX_MESSAGES_PER_EVENT } from './limits.js';
import { pad, unpad } from './padding.js';
import { open, seal } from './sealing.js';
import { decodeCanonical, encode } from './wire.js';

/** @typedef {{ body: Uint8Array, contentType: string, firstEventId?: Uint8Array }} Message */
/** @typedef {{ authorTimeMs: bigint, messages: Message[] }} Content */

/** @param {number} count */
const isCountOfMessages = (count) => count >= 1 && count <= MAX_MESSAGES_PER_EVENT;
/** @param {Message} message */
const isFirstEventId = ({ firstEventId }) => firstEventId.length === 0 || firstEventId.length === 32;

/**
 * @param {import('./epochs.js').EpochKeys} keys
 * @param {Uint8Array} header
 * @param {Uint8Array} nonce that of the header
 * @param {Content} content
 */
export function sealContent(keys, header, nonce, content) {
  require(isCountOfMessages(content.messages.length), 'too_large', 'messages of an event');
  return seal(keys.contentKey, nonce, header, pad(encode('EventContent', content)));
}

/** @param {import('./epochs.js').EpochKeys} keys @param {import('./events.js').ParsedEvent} event @returns {Content} */
export function openContent(keys, { header, signed }) {
  const padded = open(keys.contentKey, header.nonce, signed.header, signed.ciphertext);
  return parseContent(unpad(padded));
}

/** @param {Uint8Array} bytes @returns {Content} */
function parseContent(bytes) {
  try {
    const content = decodeCanonical('EventContent', bytes);
    require(isCountOfMessages(content.messages.length), 'malformed', 'no messages, or too many');
    require(content.messages.every(isFirstEventId), 'malformed', 'a first event id');
    return content;
  } catch {
    throw new CannotOpen();
  }
}
