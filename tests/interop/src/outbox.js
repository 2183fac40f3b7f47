// Events on their way (SPEC 4): signed once, on disk before they are sent, resent as they are, and there until the
// verified log has them. A new epoch is the one reason to seal again, at the same index.
import { sealContent } from './content.js';
import { encodeHeader, parseEvent, signEvent } from './events.js';
import { decode, encode } from './wire.js';

/**
 * @typedef {object} Pending
 * @property {import('./log.js').Entry} entry
 * @property {Uint8Array} id
 * @property {bigint} index
 * @property {bigint} epoch
 * @property {import('./content.js').Content} content
 */

export class Outbox {
  #file;

  /** @param {import('./store.js').DurableValue} file @param {import('./random.js').Random} random */
  constructor(file, random) {
    this.#file = file;
    this.random = random;
    const stored = file.read();
    /** @type {Uint8Array} one install of one principal in this space */
    this.writerId = stored?.writerId ?? random(16);
    /** @type {Pending[]} */
    this.pending = (stored?.pending ?? []).map(({ entry, content }) => restore(entry, content));
  }

  #save() {
    const pending = this.pending.map(({ entry, content }) => ({
      entry: encode('Entry', entry),
      content: encode('EventContent', content),
    }));
    this.#file.write({ writerId: this.writerId, pending });
  }

  /**
   * Signs an event behind the last one; it is on disk when this returns.
   * @param {SealingPlace} place
   * @param {import('./content.js').Content} content
   */
  add(place, content) {
    const one = this.#seal(place, content, this.pending.at(-1));
    this.pending.push(one);
    this.#save();
    return one;
  }

  /** Seals everything again under another epoch, in order and at the same indexes. @param {SealingPlace} place */
  sealAgain(place) {
    const again = [];
    for (const { content } of this.pending) again.push(this.#seal(place, content, again.at(-1)));
    this.pending = again;
    this.#save();
  }

  /** Goes on as a new writer, because this one's chain cannot be continued (SPEC 11). @param {SealingPlace} place */
  startNewWriter(place) {
    this.writerId = this.random(16);
    this.sealAgain(place);
  }

  /**
   * Gives up an event and all behind it. Their indexes are spent, so the next one is by a new writer.
   * @param {Pending} first
   */
  abandonFrom(first) {
    const given = this.pending.splice(this.pending.indexOf(first));
    this.writerId = this.random(16);
    this.#save();
    return given;
  }

  /** What the log has is sent. @param {Uint8Array} id */
  remove(id) {
    const at = this.pending.findIndex((one) => Buffer.compare(one.id, id) === 0);
    if (at < 0) return;
    this.pending.splice(at, 1);
    this.#save();
  }

  /**
   * @param {SealingPlace} place
   * @param {import('./content.js').Content} content
   * @param {Pending | undefined} before
   * @returns {Pending}
   */
  #seal({ keys, log, identity }, content, before) {
    const last = before ??
      log.writers.writer(identity.principal.id, this.writerId) ?? { index: 0n, id: new Uint8Array(0) };
    const nonce = this.random(24);
    const header = encodeHeader({
      spaceId: log.spaceId,
      epoch: keys.epoch.number,
      keyId: keys.epoch.keyId,
      principalId: identity.principal.id,
      writerId: this.writerId,
      writerIndex: last.index + 1n,
      previousEventId: last.id,
      controlIndex: log.chain.index,
      controlHead: log.chain.head,
      seenSeq: log.seq,
      seenRoot: log.root,
      nonce,
    });
    const event = signEvent(identity.signingSeed, header, sealContent(keys, header, nonce, content));
    return {
      entry: { kind: 'event', event },
      id: parseEvent(event).id,
      index: last.index + 1n,
      epoch: keys.epoch.number,
      content,
    };
  }
}

/**
 * @typedef {object} SealingPlace
 * @property {import('./epochs.js').EpochKeys} keys
 * @property {import('./log.js').SpaceLog} log
 * @property {import('./identity.js').Identity} identity
 */

/** @param {Uint8Array} bytes @param {Uint8Array} content @returns {Pending} */
function restore(bytes, content) {
  const entry = decode('Entry', bytes);
  const { id, header } = parseEvent(entry.event);
  return { entry, id, index: header.writerIndex, epoch: header.epoch, content: decode('EventContent', content) };
}
