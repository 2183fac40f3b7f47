// What can go wrong, by what a caller can do about it.

/** Bytes or a request that the protocol refuses; `code` is one of SPEC section 11. */
export class Refused extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   * @param {Partial<import('./wire.js').Nack>} [nack] what came with it
   */
  constructor(code, message, nack = {}) {
    super(message ? `${code}: ${message}` : code);
    this.name = 'Refused';
    this.code = code;
    this.nack = nack;
  }
}

/** The relay shows what cannot be true: stop, show nothing, keep the evidence. */
export class IntegrityAlarm extends Error {
  /**
   * @param {string} code why, one of SPEC section 11 or `root_mismatch`
   * @param {string} message
   * @param {object} [evidence]
   */
  constructor(code, message, evidence = {}) {
    super(message);
    this.name = 'IntegrityAlarm';
    this.code = code;
    this.evidence = evidence;
  }
}

/** A secret did not open what it should. One error for every reason, so that nobody learns which (SPEC 7 and 14). */
export class CannotOpen extends Error {
  constructor() {
    super('this cannot be opened');
    this.name = 'CannotOpen';
    this.code = 'cannot_open';
  }
}

/** The relay asks for weaker or other parameters than were pinned: never go on by itself. */
export class PinMismatch extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'PinMismatch';
    this.code = 'pin_mismatch';
  }
}

/** The socket ended; `closeCode` is one of SPEC section 12. */
export class Disconnected extends Error {
  /** @param {number} closeCode @param {string} reason */
  constructor(closeCode, reason) {
    super(`the socket ended with ${closeCode}${reason ? ` (${reason})` : ''}`);
    this.name = 'Disconnected';
    this.code = 'disconnected';
    this.closeCode = closeCode;
    this.reason = reason;
  }
}

/** @param {unknown} condition @param {string} code @param {string} message @returns {asserts condition} */
export function require(condition, code, message) {
  if (!condition) throw new Refused(code, message);
}
