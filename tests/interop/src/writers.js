// The chains of writers (SPEC 4, steps 3 and 6): one for each (principal, writer) of a space.
import { equal, toHex } from './bytes.js';
import { Refused, require } from './errors.js';
import { MAX_WRITERS_PER_PRINCIPAL, REMEMBERED_EVENTS_PER_WRITER } from './limits.js';

/** @typedef {import('./events.js').ParsedEvent} ParsedEvent */
/**
 * @typedef {object} Writer
 * @property {bigint} index
 * @property {Uint8Array} id
 * @property {bigint} seenSeq
 * @property {bigint} controlIndex
 * @property {Map<bigint, { id: Uint8Array, seq: bigint }>} remembered
 */

const START = { index: 0n, id: new Uint8Array(0), seenSeq: 0n, controlIndex: 0n };

export class Writers {
  constructor() {
    /** @type {Map<string, Map<string, Writer>>} by principal, then by writer */
    this.byPrincipal = new Map();
  }

  /** @param {Uint8Array} principalId @param {Uint8Array} writerId @returns {Writer | undefined} */
  writer(principalId, writerId) {
    return this.byPrincipal.get(toHex(principalId))?.get(toHex(writerId));
  }

  /** The place of the same event where the writer's index is used already, or null. @param {ParsedEvent} event */
  repeatOf({ id, header }) {
    const writer = this.writer(header.principalId, header.writerId);
    if (!writer || header.writerIndex > writer.index) return null;
    const known = writer.remembered.get(header.writerIndex);
    if (known && equal(known.id, id)) return known.seq;
    throw new Refused('writer_conflict', 'another event of this writer has its index');
  }

  /** @param {ParsedEvent} event */
  requireNext({ header }) {
    const writer = this.writer(header.principalId, header.writerId);
    const last = writer ?? START;
    require(header.writerIndex === last.index + 1n, 'writer_gap', 'an event of its writer is missing');
    require(equal(header.previousEventId, last.id), 'writer_conflict', 'after another event of its writer');
    const back = header.seenSeq < last.seenSeq || header.controlIndex < last.controlIndex;
    require(!back, 'seen_mismatch', 'saw less than the event before');
    const writers = this.byPrincipal.get(toHex(header.principalId))?.size ?? 0;
    require(writer || writers < MAX_WRITERS_PER_PRINCIPAL, 'too_many_writers', 'of one principal');
  }

  /** @param {ParsedEvent} event @param {bigint} seq its place */
  append({ id, header }, seq) {
    const { principalId, writerId, writerIndex: index, seenSeq, controlIndex } = header;
    const remembered = this.writer(principalId, writerId)?.remembered ?? new Map();
    remembered.set(index, { id, seq });
    remembered.delete(index - BigInt(REMEMBERED_EVENTS_PER_WRITER));
    const ofPrincipal = this.byPrincipal.get(toHex(principalId)) ?? new Map();
    ofPrincipal.set(toHex(writerId), { index, id, seenSeq, controlIndex, remembered });
    this.byPrincipal.set(toHex(principalId), ofPrincipal);
  }
}
