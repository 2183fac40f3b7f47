// What this device has verified of a space: the log's entries on disk, the fold over them, and the check of every page
// against both (SPEC 3). After an alarm nothing is added any more.
import { equal } from './bytes.js';
import { IntegrityAlarm } from './errors.js';
import { SpaceLog } from './log.js';
import { decode, encode } from './wire.js';

export class History {
  #stored;
  #evidence;
  /** @type {Map<bigint, Uint8Array>} roots that others claim for places that are not read yet */
  #claims = new Map();
  /** @type {{ index: bigint, head: Uint8Array } | null} the same for a control head */
  #claimedHead = null;

  /**
   * @param {Uint8Array} spaceId
   * @param {import('./store.js').DurableLog} stored
   * @param {import('./store.js').DurableValue} evidence of an alarm
   */
  constructor(spaceId, stored, evidence) {
    this.#stored = stored;
    this.#evidence = evidence;
    this.log = new SpaceLog(spaceId);
    /** @type {import('./log.js').Verdict[]} place 1 is at 0 */
    this.verdicts = stored.records.map((record) => this.log.append(decode('Entry', record)));
    const before = evidence.read();
    /** @type {IntegrityAlarm | null} an alarm outlives the process: only a person may end it */
    this.alarm = before ? new IntegrityAlarm(before.code, before.message, before.evidence) : null;
  }

  /** The cursor. */
  get place() {
    return { seq: this.log.seq, root: this.log.root };
  }

  /**
   * Takes a page whole, or raises the alarm and takes nothing of it.
   * @param {{ firstSeq: bigint, entries: import('./log.js').Entry[], lastRoot: Uint8Array }} page
   */
  takePage({ firstSeq, entries, lastRoot }) {
    if (this.alarm) throw this.alarm;
    try {
      if (firstSeq !== this.log.seq + 1n) throw new IntegrityAlarm('log_mismatch', `a page from ${firstSeq} on`);
      const verdicts = entries.map((entry) => this.#judge(entry));
      this.#compare(this.log.seq, lastRoot);
      this.#stored.append(entries.map((entry) => encode('Entry', entry)));
      this.verdicts.push(...verdicts);
      return verdicts;
    } catch (error) {
      throw this.raise(error, { firstSeq, entries });
    }
  }

  /** @param {import('./log.js').Entry} entry */
  #judge(entry) {
    const verdict = this.log.append(entry);
    if (verdict.repeat) throw new IntegrityAlarm('log_mismatch', `place ${verdict.seq} comes again`);
    const claim = this.#claims.get(verdict.seq);
    this.#claims.delete(verdict.seq);
    if (claim) this.#compare(verdict.seq, claim);
    if (verdict.control && this.#claimedHead) this.claimHead(this.#claimedHead.index, this.#claimedHead.head);
    return verdict;
  }

  /**
   * Somebody says what the root is at a place: the relay, or a pin of this account.
   * @param {bigint} seq
   * @param {Uint8Array} root
   */
  claim(seq, root) {
    if (seq > this.log.seq) this.#claims.set(seq, root);
    else this.#compare(seq, root);
  }

  /** The same for the control chain. @param {bigint} index @param {Uint8Array} head */
  claimHead(index, head) {
    this.#claimedHead = { index, head };
    const own = this.log.chain.headAt(index);
    if (own && !equal(own, head))
      throw this.raise(new IntegrityAlarm('control_conflict', `at control index ${index}`), { index, head });
  }

  /** @param {bigint} seq @param {Uint8Array} root */
  #compare(seq, root) {
    if (!equal(this.log.rootAt(seq), root))
      throw this.raise(new IntegrityAlarm('root_mismatch', `at place ${seq}`), { seq, root });
  }

  /** Stops the space for good. @param {Error & { code?: string }} error @param {object} [evidence] */
  raise(error, evidence = {}) {
    if (this.alarm) return this.alarm;
    const code = error.code ?? 'malformed';
    this.alarm = error instanceof IntegrityAlarm ? error : new IntegrityAlarm(code, error.message, evidence);
    this.#evidence.write({ code, message: error.message, evidence, verified: this.#stored.records.length });
    return this.alarm;
  }

  close() {
    this.#stored.close();
  }
}
