// Files that prove that a relay signed two logs as one (SPEC 3). Nobody is asked.
import { equal, toHex } from './bytes.js';
import { verifyCheckpoint } from './checkpoints.js';
import { require } from './errors.js';
import { parseEvent, requireSignatureOfEvent } from './events.js';
import { MAX_EVIDENCE } from './limits.js';
import { nextRoot } from './log.js';
import { parseManifest } from './principals.js';
import { verify } from './signatures.js';
import { decodeCanonical } from './wire.js';

/**
 * @param {Uint8Array} file
 * @returns {{ seq: bigint, root: Uint8Array, otherRoot: Uint8Array, checkpointKey: Uint8Array, exporter: Uint8Array }}
 */
export function verifyEvidence(file) {
  require(file.length <= MAX_EVIDENCE, 'too_large', 'evidence');
  const signed = decodeCanonical('SignedEvidence', file);
  const exporter = parseManifest(signed.manifest);
  const genuine = verify(exporter.signingKey, 'evidence', [signed.evidence, signed.manifest], signed.signature);
  require(genuine, 'bad_signature', 'of evidence');
  const evidence = decodeCanonical('Evidence', signed.evidence);
  require(evidence.version === 1, 'malformed', 'evidence of another version');
  require(evidence.shown && evidence.other, 'malformed', 'evidence without a statement of the relay');
  const shown = verifyCheckpoint(evidence.shown, evidence.checkpointKey);
  const place = { seq: shown.seq - BigInt(evidence.eventIds.length), root: evidence.root };
  require(place.seq >= 0n && leadsTo(place, evidence.eventIds, shown.root), 'malformed', 'entries that lead elsewhere');
  const other = evidence.other === 'event' ? seenBy(evidence, shown) : signedOtherwise(evidence, shown);
  require(other.seq === place.seq, 'malformed', 'statements about different places');
  require(!equal(other.root, place.root), 'malformed', 'statements that do not contradict each other');
  return { ...place, otherRoot: other.root, checkpointKey: evidence.checkpointKey, exporter: exporter.id };
}

/** @param {{ seq: bigint, root: Uint8Array }} place @param {Uint8Array[]} ids @param {Uint8Array} end */
function leadsTo({ seq, root }, ids, end) {
  const at = ids.reduce((before, id, index) => nextRoot(before, seq + BigInt(index) + 1n, id), root);
  return equal(at, end);
}

function signedOtherwise(/** @type {any} */ evidence, /** @type {import('./checkpoints.js').Checkpoint} */ shown) {
  const other = verifyCheckpoint(evidence.checkpoint, evidence.checkpointKey);
  const together = equal(other.spaceId, shown.spaceId) && equal(other.incarnation, shown.incarnation);
  require(together, 'malformed', 'statements about different logs');
  return other;
}

function seenBy(/** @type {any} */ evidence, /** @type {import('./checkpoints.js').Checkpoint} */ shown) {
  const author = parseManifest(evidence.event.manifest);
  require(evidence.event.event, 'malformed', 'no event');
  const event = parseEvent(evidence.event.event);
  requireSignatureOfEvent(event, author.signingKey);
  const isIn = new Set(evidence.eventIds.map(toHex)).has(toHex(event.id));
  const isOfLog = isIn && equal(event.header.principalId, author.id) && equal(event.header.spaceId, shown.spaceId);
  require(isOfLog, 'malformed', 'an event that is not in the log');
  return { seq: event.header.seenSeq, root: event.header.seenRoot };
}
