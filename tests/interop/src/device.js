// A device of an account: logged in once, then opened from its folder. The folder keeps the session, the keys and the
// pins.
import { join } from 'node:path';
import { fromHex, toHex } from './bytes.js';
import { Connection } from './connection.js';
import { History } from './history.js';
import { RelayApi } from './http.js';
import { identityOf } from './identity.js';
import { logIn, logInByRecoveryCode } from './login.js';
import { Outbox } from './outbox.js';
import { systemClock, systemRandom } from './random.js';
import { Space } from './space.js';
import { DurableLog, durableValue } from './store.js';

const WRITER_ID = 16;

/**
 * @typedef {object} Options
 * @property {string} home the device's folder
 * @property {import('./random.js').Random} [random]
 * @property {() => bigint} [clock] milliseconds since 1970
 */

export class Device {
  #stored;
  #random;
  #clock;
  /** @type {Map<string, Space>} */
  #spaces = new Map();

  /** @param {Options & { url: string, handle: string, passphrase: string, deviceName: string }} options */
  static async logIn(options) {
    return Device.#begin(options, (pins) => logIn({ ...options, pins }));
  }

  /** @param {Options & { url: string, code: string, deviceName: string }} options */
  static async logInByRecoveryCode(options) {
    return Device.#begin(options, (pins) => logInByRecoveryCode({ ...options, pins }));
  }

  /** @param {Options} options @param {(pins: import('./login.js').Pins) => Promise<import('./login.js').Login>} how */
  static async #begin(options, how) {
    const file = durableValue(options.home, 'device.json');
    const before = file.read();
    const { api, token, sessionId, accountId, identity, keystore, pins } = await how(before?.pins ?? {});
    const { signingSeed, hpkeSeed } = identity;
    const writerId = before?.writerId ?? (options.random ?? systemRandom)(WRITER_ID);
    const spaces = keystore.content.spaces;
    file.write({ url: api.origin, token, sessionId, accountId, signingSeed, hpkeSeed, writerId, pins, spaces });
    return Device.open(options);
  }

  /** A device that logged in before. @param {Options} options */
  static async open({ home, random = systemRandom, clock = systemClock }) {
    const stored = durableValue(home, 'device.json').read();
    const identity = await identityOf(stored.signingSeed, stored.hpkeSeed);
    return new Device({ home, random, clock, stored, identity });
  }

  /** Use `logIn` or `open`. */
  constructor({ home, random, clock, stored, identity }) {
    this.#stored = stored;
    this.#random = random;
    this.#clock = clock;
    this.home = home;
    this.identity = identity;
    this.api = new RelayApi(stored.url, stored.token);
    const { token, sessionId, writerId } = stored;
    this.connection = new Connection({ api: this.api, token, sessionId, identity }, writerId);
  }

  get accountId() {
    return this.#stored.accountId;
  }

  /** The spaces that the relay names: a hint, each is verified from its genesis record. */
  async spaceIds() {
    const { spaces } = await this.api.spaces();
    return spaces.map((space) => fromHex(space.space_id, 32));
  }

  /** @param {Uint8Array} id */
  space(id) {
    const name = toHex(id);
    if (!this.#spaces.has(name)) this.#spaces.set(name, this.#openSpace(id, join(this.home, 'spaces', name)));
    return this.#spaces.get(name);
  }

  /** @param {Uint8Array} id @param {string} folder */
  #openSpace(id, folder) {
    const history = new History(id, new DurableLog(join(folder, 'log')), durableValue(folder, 'alarm.json'));
    const pinned = this.#stored.spaces.find((space) => toHex(space.spaceId) === toHex(id));
    if (pinned?.root.length) {
      history.claim(pinned.seq, pinned.root);
      history.claimHead(pinned.controlIndex, pinned.controlHead);
    }
    const outbox = new Outbox(durableValue(folder, 'outbox.json'), this.#random);
    return new Space({ connection: this.connection, identity: this.identity, history, outbox, clock: this.#clock });
  }

  async close() {
    for (const space of this.#spaces.values()) space.stop();
    await this.connection.close();
    for (const space of this.#spaces.values()) space.history.close();
  }
}
