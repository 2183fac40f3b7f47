// The fold over a space's log (SPEC 3 to 5): judges each entry at the next place and computes the root.
import { WRITE, has } from './capabilities.js';
import { ControlChain } from './chain.js';
import { equal, u64 } from './bytes.js';
import { parseControl } from './control.js';
import { Refused, require } from './errors.js';
import { parseEvent, requireSignatureOfEvent } from './events.js';
import { hash } from './hashing.js';
import { Writers } from './writers.js';

/** @typedef {import('./events.js').ParsedEvent} ParsedEvent */
/** @typedef {import('./control.js').ParsedControl} ParsedControl */
/**
 * @typedef {object} Entry
 * @property {string} [kind]
 * @property {import('./events.js').SignedEvent} [event]
 * @property {import('./control.js').SignedControl} [control]
 */

/**
 * What became of an entry: it took place `seq`, or it stands there already (`repeat`).
 * @typedef {{ seq: bigint, root: Uint8Array, repeat: boolean, event?: ParsedEvent, control?: ParsedControl }} Verdict
 */

/** root(n) from root(n-1). @param {Uint8Array} root @param {bigint} seq @param {Uint8Array} id of the entry there */
export const nextRoot = (root, seq, id) => hash('root', [root, u64(seq), id]);

export class SpaceLog {
  /** @param {Uint8Array} spaceId */
  constructor(spaceId) {
    this.spaceId = spaceId;
    this.chain = new ControlChain(spaceId);
    this.writers = new Writers();
    /** @type {Uint8Array[]} root(0), root(1) ... */
    this.roots = [spaceId];
    /** @type {bigint[]} where control record 1, 2 ... stands */
    this.controlPlaces = [];
  }

  get seq() {
    return BigInt(this.roots.length - 1);
  }

  get root() {
    return this.roots[this.roots.length - 1];
  }

  /** @param {bigint} seq @returns {Uint8Array | undefined} */
  rootAt(seq) {
    return this.roots[Number(seq)];
  }

  /**
   * Takes an entry as the next one; throws `Refused`, and changes nothing, where it must not stand there.
   * @param {Entry} entry
   * @returns {Verdict}
   */
  append(entry) {
    if (entry.kind === 'event') return this.#appendEvent(parseEvent(entry.event));
    if (entry.kind === 'control') return this.#appendControl(parseControl(entry.control));
    throw new Refused('malformed', 'an entry that is neither event nor record');
  }

  /** @param {ParsedEvent} event @returns {Verdict} */
  #appendEvent(event) {
    const { header } = event;
    require(equal(header.spaceId, this.spaceId), 'malformed', 'an event of another space');
    require(!this.chain.tombstoned, 'tombstoned', 'an event after the tombstone');
    const author = this.chain.requireMember(header.principalId);
    requireSignatureOfEvent(event, author.principal.signingKey);
    const repeatOf = this.writers.repeatOf(event);
    if (repeatOf !== null) return { seq: repeatOf, root: this.rootAt(repeatOf), repeat: true, event };
    require(has(author.capabilities, WRITE), 'not_permitted', 'an event by a member without `write`');
    const head = this.chain.headAt(header.controlIndex);
    require(head && equal(head, header.controlHead), 'control_conflict', 'knew another control head');
    this.#requireCurrentEpoch(header);
    this.writers.requireNext(event);
    this.#requireSeen(header.seenSeq, header.seenRoot);
    const taken = this.#take(event.id);
    this.writers.append(event, taken.seq);
    return { ...taken, event };
  }

  /** @param {import('./events.js').Header} header */
  #requireCurrentEpoch({ epoch, keyId }) {
    const current = this.chain.epoch;
    if (!current || this.chain.waitsForRekey) throw new Refused('rekey_required', 'content before the rekey');
    require(epoch === current.number, 'stale_epoch', 'of another epoch');
    require(equal(keyId, current.keyId), 'wrong_key', 'sealed under another key');
  }

  /** Whether this place is on the log. @param {bigint} seq @param {Uint8Array} root */
  isOn(seq, root) {
    const own = this.rootAt(seq);
    return own !== undefined && equal(own, root);
  }

  /** @param {bigint} seq @param {Uint8Array} root */
  #requireSeen(seq, root) {
    require(this.isOn(seq, root), 'seen_mismatch', 'its author saw another log');
  }

  /** @param {ParsedControl} control @returns {Verdict} */
  #appendControl(control) {
    const { record, id } = control;
    if (record.body !== 'genesis') this.#requireSeen(record.seenSeq, record.seenRoot);
    if (this.chain.hasAlready(control)) {
      const seq = this.controlPlaces[Number(record.controlIndex) - 1];
      return { seq, root: this.rootAt(seq), repeat: true, control };
    }
    this.chain.append(control, this);
    const taken = this.#take(id);
    this.controlPlaces.push(taken.seq);
    return { ...taken, control };
  }

  /** @param {Uint8Array} id */
  #take(id) {
    const seq = this.seq + 1n;
    const root = nextRoot(this.root, seq, id);
    this.roots.push(root);
    return { seq, root, repeat: false };
  }
}
