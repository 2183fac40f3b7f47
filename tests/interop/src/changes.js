// Waiting for something to become true, without polling.
import { EventEmitter, once } from 'node:events';

export class Changes {
  #emitter = new EventEmitter().setMaxListeners(0);

  /** Something changed: everybody who waits looks again. */
  announce() {
    this.#emitter.emit('change');
  }

  /** @param {() => boolean} condition may throw, which ends the waiting */
  async until(condition) {
    while (!condition()) await once(this.#emitter, 'change');
  }
}
