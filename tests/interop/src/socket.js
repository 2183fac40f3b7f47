// The socket (SPEC 9 and 10): opens and proves itself, sends requests and hands on what answers none.
import WebSocket from 'ws';
import { Disconnected, Refused } from './errors.js';
import { MAX_AUTHENTICATE_FRAME, MAX_FRAME } from './limits.js';
import { signSocket } from './identity.js';
import { fromBase64Url } from './bytes.js';
import { decode, encode } from './wire.js';

export const SUBPROTOCOL = 'sealpost.v1';
/** Bytes of a challenge. */
const CHALLENGE = 32;
const AUTHENTICATE_WITHIN_MS = 10_000;

/**
 * @typedef {object} SubscriptionHandler called in the order of arrival
 * @property {(page: any) => void} page
 * @property {(reason: Refused) => void} ended
 * @property {(signal: any) => void} [signal]
 */

export class RelaySocket {
  #socket;
  #nextRequest = 1n;
  /** @type {Map<bigint, { resolve: (body: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  /** @type {Map<bigint, SubscriptionHandler>} */
  #subscriptions = new Map();
  #silence;

  /**
   * Opens and authenticates.
   * @param {import('./login.js').Login} login
   * @param {Uint8Array} writerId
   * @returns {Promise<RelaySocket>}
   */
  static async open(login, writerId) {
    const relaySocket = new RelaySocket(login.api.origin);
    await relaySocket.#authenticate(login, writerId);
    return relaySocket;
  }

  /** @param {string} origin */
  constructor(origin) {
    const url = `${origin.replace(/^http/, 'ws')}/v1/socket`;
    const options = {
      perMessageDeflate: false,
      maxPayload: MAX_FRAME,
      followRedirects: false,
      handshakeTimeout: AUTHENTICATE_WITHIN_MS,
    };
    this.#socket = new WebSocket(url, [SUBPROTOCOL], options);
    /** Resolves, with why, when the socket has ended. @type {Promise<Disconnected>} */
    this.closed = new Promise((resolve) => {
      this.#socket.on('close', (code, reason) => resolve(this.#end(new Disconnected(code, reason.toString()))));
    });
    this.#socket.on('error', () => {}); // `close` follows and says why
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    this.#socket.on('ping', () => this.#heard());
    /** A relay that is about to end asks to come back later; set when it did. @type {number | null} */
    this.reconnectAfterMs = null;
  }

  /** @param {import('./login.js').Login} login @param {Uint8Array} writerId */
  async #authenticate({ api, token, sessionId, identity }, writerId) {
    const { nonce } = await this.#answer(0n, 'challenge');
    if (nonce.length !== CHALLENGE) throw new Disconnected(1002, 'the challenge is malformed');
    const signature = signSocket(identity, { origin: api.origin, nonce, sessionId, writerId });
    const proof = {
      sessionToken: fromBase64Url(token),
      sessionId,
      principalId: identity.principal.id,
      writerId,
      signature,
    };
    const { pingIntervalMs } = await this.#request('authenticate', proof, 'authenticated', MAX_AUTHENTICATE_FRAME);
    this.pingIntervalMs = pingIntervalMs;
    this.#heard();
  }

  /** Takes the socket for dead after twice the ping interval of silence. */
  #heard() {
    if (!this.pingIntervalMs) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket.terminate(), 2 * this.pingIntervalMs).unref();
  }

  /** @param {any} data @param {boolean} isBinary */
  #receive(data, isBinary) {
    this.#heard();
    try {
      if (!isBinary) throw new Refused('malformed', 'a text message');
      this.#dispatch(decode('RelayFrame', data));
    } catch {
      this.#socket.close(1002);
    }
  }

  /** @param {any} frame */
  #dispatch(frame) {
    const { requestId, body } = frame;
    const subscription = this.#subscriptions.get(requestId);
    if (body === 'page') subscription?.page(frame.page);
    else if (body === 'signalDelivered') subscription?.signal?.(frame.signalDelivered.signal);
    else if (body === 'subscriptionEnded') this.#endSubscription(requestId, frame.subscriptionEnded.reason);
    else if (body === 'goAway') this.reconnectAfterMs = frame.goAway.reconnectAfterMs;
    else this.#resolve(requestId, frame);
  }

  /** @param {bigint} requestId @param {import('./wire.js').Nack} reason */
  #endSubscription(requestId, reason) {
    const handler = this.#subscriptions.get(requestId);
    this.#subscriptions.delete(requestId);
    handler?.ended(new Refused(reason.code, reason.message, reason));
  }

  /** @param {bigint} requestId @param {any} frame */
  #resolve(requestId, frame) {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    if (frame.body === 'nack') waiting?.reject(new Refused(frame.nack.code, frame.nack.message, frame.nack));
    else waiting?.resolve(frame);
  }

  /** @param {Disconnected} reason */
  #end(reason) {
    clearTimeout(this.#silence);
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    this.#subscriptions.clear();
    return reason;
  }

  /** @param {bigint} requestId @param {string} expected the body that answers @returns {Promise<any>} */
  async #answer(requestId, expected) {
    const frame = await new Promise((resolve, reject) => this.#waiting.set(requestId, { resolve, reject }));
    if (frame.body !== expected) throw new Refused('malformed', `the relay answered ${frame.body}`);
    return frame[expected];
  }

  /**
   * @param {string} body
   * @param {object} fields
   * @param {string} expected
   * @param {number} [limit]
   * @returns {Promise<any>}
   */
  #request(body, fields, expected, limit = MAX_FRAME, requestId = this.#nextRequest) {
    this.#nextRequest = requestId + 1n;
    const frame = encode('ClientFrame', { requestId, body, [body]: fields });
    if (frame.length > limit) return Promise.reject(new Refused('too_large', 'a frame', { limit: BigInt(limit) }));
    if (this.#socket.readyState > WebSocket.OPEN) return this.closed.then((reason) => Promise.reject(reason));
    const answer = this.#answer(requestId, expected);
    this.#socket.send(frame);
    return answer;
  }

  /**
   * @param {Uint8Array} spaceId
   * @param {import('./log.js').Entry[]} entries
   * @returns {Promise<{ acks: any[], nack: import('./wire.js').Nack | null }>}
   */
  publish = (spaceId, entries) => this.#request('publish', { spaceId, entries }, 'published');

  /** @param {Uint8Array} spaceId @param {bigint} epoch @returns {Promise<{ keyId: Uint8Array, sealed: Uint8Array }>} */
  fetchWrap = (spaceId, epoch) => this.#request('fetchWrap', { spaceId, epoch }, 'fetchedWrap');

  /**
   * @param {{ spaceId: Uint8Array, epoch: bigint, keyId: Uint8Array, wraps: { recipient: Uint8Array, sealed: Uint8Array
   * }[] }} staged
   */
  stageWraps = (staged) => this.#request('stageWraps', staged, 'wrapsStaged');

  /** @param {import('./signals.js').SignedSignal} signal */
  sendSignal = (signal) => this.#request('sendSignal', { signal }, 'done');

  /**
   * The handler is in place before the first page can come.
   * @param {Uint8Array} spaceId
   * @param {{ seq: bigint, root: Uint8Array }} after
   * @param {SubscriptionHandler} handler
   */
  async subscribe(spaceId, { seq, root }, handler) {
    const id = this.#nextRequest;
    this.#subscriptions.set(id, handler);
    try {
      const subscribed = await this.#request(
        'subscribe',
        { spaceId, afterSeq: seq, afterRoot: root },
        'subscribed',
        MAX_FRAME,
        id,
      );
      return { ...subscribed, id };
    } catch (error) {
      this.#subscriptions.delete(id);
      throw error;
    }
  }

  /** @param {bigint} subscription */
  async unsubscribe(subscription) {
    await this.#request('unsubscribe', { subscription }, 'done');
    this.#subscriptions.delete(subscription);
  }

  async close() {
    this.#socket.close(1000);
    await this.closed;
  }
}
