// One socket for all spaces of a device: opened when somebody needs it, opened again when it ended.
import { Backoff } from './backoff.js';
import { LOGGED_OUT } from './codes.js';
import { Disconnected, Refused } from './errors.js';
import { RelaySocket } from './socket.js';

export class Connection {
  #login;
  #writerId;
  /** @type {Promise<RelaySocket> | null} */
  #socket = null;
  #closed = false;
  #backoff = new Backoff();
  /** @type {number | null} */
  #askedMs = null;

  /**
   * @param {Pick<import('./login.js').Login, 'api' | 'token' | 'sessionId' | 'identity'>} login
   * @param {Uint8Array} writerId
   */
  constructor(login, writerId) {
    this.#login = login;
    this.#writerId = writerId;
  }

  /** An open, authenticated socket. @returns {Promise<RelaySocket>} */
  socket() {
    if (this.#closed) return Promise.reject(new Disconnected(1000, 'closed by this side'));
    this.#socket ??= this.#open();
    return this.#socket;
  }

  async #open() {
    for (;;) {
      try {
        const socket = await RelaySocket.open(this.#login, this.#writerId);
        this.#backoff.succeeded();
        void socket.closed.then(() => this.#forget(socket));
        return socket;
      } catch (error) {
        if (this.#closed || !(error instanceof Disconnected)) throw error;
        if (LOGGED_OUT.has(error.closeCode)) throw new Refused('not_authenticated', error.reason);
        await this.#backoff.wait(this.#askedMs);
      }
    }
  }

  /** @param {RelaySocket} socket */
  #forget(socket) {
    this.#askedMs = socket.reconnectAfterMs;
    this.#socket = null;
  }

  async close() {
    this.#closed = true;
    const socket = await this.#socket?.catch(() => null);
    await socket?.close();
  }
}
