// Sends what is in the outbox until the relay has it, and does what SPEC section 11 says when it refuses.
import { toHex } from './bytes.js';
import { Backoff } from './backoff.js';
import { TRANSIENT } from './codes.js';
import { Disconnected, IntegrityAlarm, Refused } from './errors.js';
import { MAX_ENTRIES_PER_PUBLISH, MAX_FRAME } from './limits.js';
import { encode } from './wire.js';

const RESEAL = new Set(['stale_epoch', 'rekey_required']);
const ALARMING = new Set(['log_mismatch', 'seen_mismatch']);
const ROOM_FOR_FRAME = 1_024;
const ROOM_FOR_ENTRY = 8;

/** @typedef {import('./outbox.js').Pending} Pending */
/** @typedef {{ seq: bigint, root: Uint8Array, eventId: Uint8Array }} Ack */

export class Sender {
  #parts;
  /** @type {Map<string, { resolve: (ack: Ack) => void, reject: (error: Error) => void }>} who waits, by event id */
  #waiting = new Map();
  #busy = false;

  /**
   * @param {object} parts
   * @param {import('./connection.js').Connection} parts.connection
   * @param {import('./identity.js').Identity} parts.identity
   * @param {import('./history.js').History} parts.history
   * @param {import('./keyring.js').Keyring} parts.keyring
   * @param {import('./outbox.js').Outbox} parts.outbox
   * @param {import('./changes.js').Changes} parts.changes
   * @param {() => bigint} parts.clock
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * One event. When this resolves it is on disk, and will be sent whatever happens; `acked` resolves when the relay has
   * it.
   * @param {import('./content.js').Message[]} messages
   */
  async queue(messages) {
    const { outbox, clock } = this.#parts;
    const { id } = outbox.add(await this.#place(), { authorTimeMs: clock(), messages });
    /** @type {Promise<Ack>} */
    const acked = new Promise((resolve, reject) => this.#waiting.set(toHex(id), { resolve, reject }));
    acked.catch(() => {}); // nobody has to wait for it
    void this.flush();
    return { acked };
  }

  /** Where an event may be sealed now; waits while the space waits for a rekey. */
  async #place() {
    const { history, keyring, identity } = this.#parts;
    const { chain } = history.log;
    await this.#until(() => chain.epoch !== null && !chain.waitsForRekey);
    const keys = await keyring.keysOf(chain.epoch.number);
    return { keys, log: history.log, identity };
  }

  /** @param {() => boolean} condition */
  #until(condition) {
    const { history, changes } = this.#parts;
    return changes.until(() => {
      if (history.alarm) throw history.alarm;
      return condition();
    });
  }

  /** Publishes what waits until nothing does. One of these runs at a time, so that events go out in order. */
  async flush() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#flushAll();
    } catch (error) {
      // After a lost connection everything is sent again; anything else is for those who wait.
      if (!(error instanceof Disconnected)) this.rejectAll(error);
      this.#parts.changes.announce(); // an alarm ends those who read, too
    } finally {
      this.#busy = false;
    }
  }

  async #flushAll() {
    const [acked, backoff] = [new Set(), new Backoff()];
    for (let frame = this.#nextFrame(acked); frame.length > 0; frame = this.#nextFrame(acked)) {
      const waitMs = await this.#publish(frame, acked);
      if (waitMs === null) backoff.succeeded();
      else await backoff.wait(waitMs);
    }
  }

  /** The next events that fit into a frame. @param {Set<Pending>} acked these wait for the log alone */
  #nextFrame(acked) {
    const { outbox, history } = this.#parts;
    if (history.alarm) throw history.alarm;
    let room = MAX_FRAME - ROOM_FOR_FRAME;
    const unsent = outbox.pending.filter((one) => !acked.has(one)).slice(0, MAX_ENTRIES_PER_PUBLISH);
    const over = unsent.findIndex((one) => (room -= encode('Entry', one.entry).length + ROOM_FOR_ENTRY) < 0);
    return over < 0 ? unsent : unsent.slice(0, over);
  }

  /**
   * @param {Pending[]} frame
   * @param {Set<Pending>} acked
   * @returns {Promise<number | null>} how long to wait before more, if at all
   */
  async #publish(frame, acked) {
    const { connection, history } = this.#parts;
    const socket = await connection.socket();
    const { acks, nack } = await socket.publish(
      history.log.spaceId,
      frame.map(({ entry }) => entry),
    );
    for (const [at, { seq, root }] of acks.entries()) {
      history.claim(seq, root);
      acked.add(frame[at]);
      this.settle(frame[at].id, { seq, root });
    }
    return nack ? this.#afterNack(nack, frame[acks.length]) : null;
  }

  /** @param {import('./wire.js').Nack} nack @param {Pending} refused @returns {Promise<number | null>} */
  async #afterNack(nack, refused) {
    const { outbox, history } = this.#parts;
    const error = new Refused(nack.code, nack.message, nack);
    if (TRANSIENT.has(nack.code)) return Number(nack.retryAfterMs);
    if (ALARMING.has(nack.code)) throw history.raise(error);
    if (RESEAL.has(nack.code)) await this.#sealAgain(refused);
    else if (nack.code === 'writer_conflict') await this.#replace((place) => outbox.startNewWriter(place));
    else for (const { id } of outbox.abandonFrom(refused)) this.#reject(id, error);
    return null;
  }

  /** The code is a hint; the log, read through the rekey, is the proof. @param {Pending} refused */
  async #sealAgain(refused) {
    const { history, outbox } = this.#parts;
    const { chain } = history.log;
    await this.#until(() => chain.epoch !== null && chain.epoch.number > refused.epoch && !chain.waitsForRekey);
    await this.#replace((place) => outbox.sealAgain(place));
  }

  /**
   * Who waits for an event then waits for the one in its place.
   * @param {(place: import('./outbox.js').SealingPlace) => void} change
   */
  async #replace(change) {
    const place = await this.#place();
    const before = this.#parts.outbox.pending.map(({ id }) => this.#take(id));
    change(place);
    this.#parts.outbox.pending.forEach(({ id }, at) => before[at] && this.#waiting.set(toHex(id), before[at]));
  }

  /** @param {Uint8Array} id */
  #take(id) {
    const waiting = this.#waiting.get(toHex(id));
    this.#waiting.delete(toHex(id));
    return waiting;
  }

  /** By an ack, or because the log has it. @param {Uint8Array} id @param {{ seq: bigint, root: Uint8Array }} place */
  settle(id, place) {
    this.#take(id)?.resolve({ ...place, eventId: id });
  }

  /** @param {Uint8Array} id @param {Error} error */
  #reject(id, error) {
    this.#take(id)?.reject(error);
  }

  /** @param {Error} error */
  rejectAll(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
