// The storage beside a relay (SPEC 13): sealed bytes go there and come from there, and nothing else does, no token least
// of all.
import { CannotOpen, IntegrityAlarm, Refused } from './errors.js';

export class Storage {
  #prefix;

  /** @param {string} relay its origin @param {{ url_prefix: string } | undefined} announced by `/v1/info` */
  constructor(relay, announced) {
    if (!announced) throw new Refused('no_blob_storage', 'this relay stores no files');
    this.#prefix = new URL(announced.url_prefix).href;
    const plain = this.#prefix.startsWith('http:') && relay.startsWith('http:');
    const whole = this.#prefix === announced.url_prefix && this.#prefix.endsWith('/');
    if (!whole || !(plain || this.#prefix.startsWith('https:')))
      throw new IntegrityAlarm('foreign_address', 'the relay announces no storage that files may go to');
  }

  /** What begins with the prefix must still do so without its dots. @param {string} address that the relay signed */
  check(address) {
    const inside = address.startsWith(this.#prefix) && new URL(address).href.startsWith(this.#prefix);
    if (!inside) throw new IntegrityAlarm('foreign_address', 'the relay names an address outside of its storage');
    return address;
  }

  /**
   * Puts a part; resolves with its tag.
   * @param {{ url: string, headers: { name: string, value: string }[] }} at
   * @param {Uint8Array} bytes
   */
  async put({ url, headers }, bytes) {
    const given = headers.map(({ name, value }) => /** @type {[string, string]} */ ([name, value]));
    const answer = await this.#ask(url, { method: 'PUT', headers: given, body: bytes });
    return answer.headers.get('etag') ?? '';
  }

  /** Exactly so many bytes. @param {string} url @param {number} length */
  async get(url, length) {
    const answer = await this.#ask(url, { method: 'GET' });
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const piece of answer.body) {
      if (at + piece.length > length) throw new CannotOpen();
      bytes.set(piece, at);
      at += piece.length;
    }
    if (at < length) throw new CannotOpen();
    return bytes;
  }

  /** @param {string} url @param {RequestInit} request */
  async #ask(url, request) {
    const answer = await fetch(this.check(url), { ...request, redirect: 'manual' });
    if (answer.status >= 300 && answer.status < 400)
      throw new IntegrityAlarm('foreign_address', 'the storage leads elsewhere');
    if (!answer.ok) throw new Refused('storage_refuses', `the storage answers ${answer.status}`);
    return answer;
  }
}
