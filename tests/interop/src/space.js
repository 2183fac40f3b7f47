// A space as an application sees it: it follows the log, opens what it verified, and sends. It connects again by
// itself and goes on at its cursor; an integrity alarm ends it.
import { compare } from './bytes.js';
import { Backoff } from './backoff.js';
import { Changes } from './changes.js';
import { TRANSIENT } from './codes.js';
import { openContent } from './content.js';
import { CannotOpen, Disconnected, IntegrityAlarm, Refused } from './errors.js';
import { Keyring } from './keyring.js';
import { Sender } from './sender.js';

const DEFAULT_TYPE = 'text/plain; charset=utf-8';

/**
 * @typedef {object} Delivered
 * @property {bigint} seq
 * @property {number} index
 * @property {Uint8Array} eventId
 * @property {Uint8Array} author
 * @property {bigint} authorTimeMs
 * @property {string} contentType
 * @property {Uint8Array} body
 * @property {Uint8Array} firstEventId of the event that carried it first, where its author published it again; else empty
 */

export class Space {
  #connection;
  #changes = new Changes();
  #stopped = false;
  #headSeq = 0n;

  /**
   * @param {object} parts
   * @param {import('./connection.js').Connection} parts.connection
   * @param {import('./identity.js').Identity} parts.identity
   * @param {import('./history.js').History} parts.history
   * @param {import('./outbox.js').Outbox} parts.outbox
   * @param {() => bigint} parts.clock
   */
  constructor({ connection, identity, history, outbox, clock }) {
    this.#connection = connection;
    this.id = history.log.spaceId;
    this.history = history;
    this.outbox = outbox;
    this.principalId = identity.principal.id;
    this.keyring = new Keyring(history, identity, async (epoch) =>
      (await connection.socket()).fetchWrap(this.id, epoch),
    );
    this.sender = new Sender({
      connection,
      identity,
      history,
      keyring: this.keyring,
      outbox,
      changes: this.#changes,
      clock,
    });
    this.#settle(history.verdicts);
  }

  /** Follows the log until `stop`; throws the alarm that ended it, or what the relay refused for good. */
  async follow() {
    const backoff = new Backoff();
    while (!this.#stopped) {
      try {
        await this.#followOnce(backoff);
      } catch (error) {
        if (!this.#goesOn(error)) throw this.#fail(error);
        await backoff.wait(Number(error.nack?.retryAfterMs ?? 0));
      }
    }
  }

  /** @param {any} error */
  #goesOn(error) {
    return error instanceof Disconnected || (error instanceof Refused && TRANSIENT.has(error.code));
  }

  /** @param {any} error */
  #fail(error) {
    const failure = error.code === 'log_mismatch' ? this.history.raise(error) : error;
    this.sender.rejectAll(failure);
    this.#changes.announce();
    return failure;
  }

  /** @param {Backoff} backoff */
  async #followOnce(backoff) {
    const socket = await this.#connection.socket();
    /** @type {(error: Error) => void} */
    let end;
    const ended = new Promise((_, reject) => (end = reject));
    const subscribed = await socket.subscribe(this.id, this.history.place, {
      page: (page) => this.#takePage(page, end),
      ended: end,
    });
    if (subscribed.headSeq < this.history.place.seq)
      throw new IntegrityAlarm('log_mismatch', 'the log of the relay ends before what was verified here');
    this.history.claim(subscribed.headSeq, subscribed.headRoot);
    this.#headSeq = subscribed.headSeq;
    backoff.succeeded();
    void this.sender.flush();
    const lost = socket.closed.then((reason) => Promise.reject(reason));
    await Promise.race([ended, lost, this.#changes.until(() => this.#stopped || this.history.alarm !== null)]);
    if (this.history.alarm) throw this.history.alarm;
    await socket.unsubscribe(subscribed.id).catch(() => {});
  }

  /** @param {any} page @param {(error: Error) => void} end */
  #takePage(page, end) {
    try {
      this.#settle(this.history.takePage(page));
    } catch (error) {
      end(error);
    }
    this.#changes.announce();
  }

  /** What the log has of this member's own is sent. @param {import('./log.js').Verdict[]} verdicts */
  #settle(verdicts) {
    for (const { event, seq, root } of verdicts) {
      if (!event || compare(event.header.principalId, this.principalId) !== 0) continue;
      this.outbox.remove(event.id);
      this.sender.settle(event.id, { seq, root });
    }
  }

  /**
   * Sends messages in one event; resolves with its place when it is acked.
   * @param {import('./content.js').Message[]} messages
   */
  async send(messages) {
    return (await this.sender.queue(messages)).acked;
  }

  /** The newest epoch, once there is one. */
  async epoch() {
    const { chain } = this.history.log;
    await this.#until(() => chain.epoch !== null);
    return chain.epoch.number;
  }

  /** Resolves when this place has been read and verified. @param {bigint} seq */
  readUntil = (seq) => this.#until(() => this.history.log.seq >= seq);

  /** @param {() => boolean} condition */
  #until(condition) {
    return this.#changes.until(() => {
      if (condition()) return true;
      if (this.history.alarm) throw this.history.alarm;
      return false;
    });
  }

  /**
   * Every verified message behind a place, in order; waits for more.
   * @param {{ seq: bigint, index: number }} [after]
   * @returns {AsyncGenerator<Delivered>}
   */
  async *messages(after = { seq: 0n, index: 0 }) {
    for (let at = Math.max(Number(after.seq) - 1, 0); ; at += 1) {
      await this.#until(() => at < this.history.verdicts.length);
      for (const message of await this.#open(this.history.verdicts[at])) {
        if (message.seq > after.seq || message.index > after.index) yield message;
      }
    }
  }

  /**
   * What an event says; nothing where it does not open, or retention dropped it.
   * @param {import('./log.js').Verdict} verdict
   * @returns {Promise<Delivered[]>}
   */
  async #open({ event, seq }) {
    if (!event) return [];
    if (event.signed.ciphertext.length === 0) return this.#withoutContent(seq);
    const { messages, authorTimeMs } = openOrNothing(await this.keyring.keysOf(event.header.epoch), event);
    const common = { seq, eventId: event.id, author: event.header.principalId, authorTimeMs };
    return messages.map(({ body, contentType, firstEventId }, index) => ({
      ...common,
      index,
      body,
      firstEventId,
      contentType: contentType || DEFAULT_TYPE,
    }));
  }

  /** Believed where a policy allows it, which may stand further on. @param {bigint} seq */
  async #withoutContent(seq) {
    await this.#until(() => this.history.log.seq >= this.#headSeq);
    if (this.history.log.chain.everDroppedContents) return [];
    throw this.#fail(this.history.raise(new IntegrityAlarm('content_withheld', `at place ${seq}`)));
  }

  stop() {
    this.#stopped = true;
    this.#changes.announce();
  }
}

/** @param {import('./epochs.js').EpochKeys} keys @param {import('./events.js').ParsedEvent} event */
function openOrNothing(keys, event) {
  try {
    return openContent(keys, event);
  } catch (error) {
    if (error instanceof CannotOpen) return { messages: [], authorTimeMs: 0n };
    throw error;
  }
}
