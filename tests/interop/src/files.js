// Files of a space (SPEC 7.1 and 13): sealed here, put into the storage in parts, referred to by a message, and fetched
// again. A file is in memory as a whole: this client is for trying the specification, not for films.
import { parseReference, sealBlob, openBlob, sizeOf } from './blobs.js';
import { EMPTY, toBase64Url, toHex } from './bytes.js';
import { sha256 } from './hashing.js';
import { BLOB_CHUNK, MAX_BLOB_PARTS_ASKED, MIN_BLOB_PART } from './limits.js';
import { systemRandom } from './random.js';
import { Storage } from './storage.js';
import { encode } from './wire.js';

export const REFERENCE_TYPE = 'application/vnd.sealpost.blob';

/** @typedef {{ number: number, bytes: Uint8Array, sha256: string }} Part */

/** What is stored, cut where the relay was told that it would be. @param {Uint8Array} stored @returns {Part[]} */
function partsOf(stored) {
  return Array.from({ length: Math.ceil(stored.length / MIN_BLOB_PART) }, (_, index) => {
    const bytes = stored.subarray(index * MIN_BLOB_PART, (index + 1) * MIN_BLOB_PART);
    return { number: index + 1, bytes, sha256: toBase64Url(sha256(bytes)) };
  });
}

export class Files {
  #api;
  #space;
  #random;

  /**
   * @param {import('./http.js').RelayApi} api
   * @param {import('./space.js').Space} space
   * @param {import('./random.js').Random} [random]
   */
  constructor(api, space, random = systemRandom) {
    this.#api = api;
    this.#space = space;
    this.#random = random;
  }

  /**
   * Stores a file and sends the message that refers to it.
   * @param {Uint8Array} plaintext
   * @param {{ name: string, contentType: string }} shown
   */
  async put(plaintext, shown) {
    const { reference, stored } = this.#seal(plaintext, await this.#space.epoch(), shown);
    await this.#store(reference.blobId, stored);
    // Held before the message goes, so that no message names a file that was swept.
    await this.#refer(reference.blobId, this.#space.history.log.seq);
    const body = encode('BlobReference', reference);
    const { seq } = await this.#space.send([{ body, contentType: REFERENCE_TYPE }]);
    await this.#refer(reference.blobId, seq);
    return { reference, seq };
  }

  /** The plaintext, proven to be what the author put. @param {import('./blobs.js').BlobReference} reference */
  async get(reference) {
    const storage = await this.#storage();
    const { url } = await this.#api.blob(this.#space.id, reference.blobId);
    return openBlob(this.#space.id, reference, await storage.get(url, reference.size.stored));
  }

  /** The first message that refers to a file of this name, which is waited for. @param {string} name */
  async named(name) {
    for await (const { contentType, body, author } of this.#space.messages()) {
      if (contentType !== REFERENCE_TYPE) continue;
      const reference = parseReference(body);
      if (reference.name === name) return { reference, author };
    }
  }

  /** Deletes the file that this author put. @param {import('./blobs.js').BlobReference} reference @param {Uint8Array} author */
  remove = (reference, author) => this.#api.deleteBlob(this.#space.id, reference.blobId, author);

  /** @param {Uint8Array} plaintext @param {bigint} epoch @param {{ name: string, contentType: string }} shown */
  #seal(plaintext, epoch, shown) {
    const reference = {
      version: 1,
      blobId: this.#random(16),
      key: this.#random(32),
      epoch,
      length: BigInt(plaintext.length),
      chunkSize: BLOB_CHUNK,
      ciphertextHash: EMPTY,
      ...shown,
      size: sizeOf(plaintext.length),
    };
    const stored = sealBlob(this.#space.id, reference, plaintext);
    return { reference: { ...reference, ciphertextHash: sha256(stored) }, stored };
  }

  /** @param {Uint8Array} blobId @param {Uint8Array} stored */
  async #store(blobId, stored) {
    const storage = await this.#storage();
    const [space, bytes, parts] = [this.#space.id, stored.length, partsOf(stored)];
    const ids = { space_id: toHex(space), blob_id: toHex(blobId) };
    await this.#api.reserveBlob({ ...ids, part_bytes: MIN_BLOB_PART, bytes });
    const done = [];
    for (let from = 0; from < parts.length; from += MAX_BLOB_PARTS_ASKED)
      done.push(...(await this.#putSome(storage, blobId, parts.slice(from, from + MAX_BLOB_PARTS_ASKED))));
    await this.#api.completeBlob(space, blobId, { parts: done, bytes, sha256: toBase64Url(sha256(stored)) });
  }

  /** @param {Storage} storage @param {Uint8Array} blobId @param {Part[]} parts */
  async #putSome(storage, blobId, parts) {
    const asked = parts.map(({ number, bytes, sha256 }) => ({ number, length: bytes.length, sha256 }));
    const signed = (await this.#api.blobParts(this.#space.id, blobId, { parts: asked })).parts;
    const done = [];
    for (const [at, part] of asked.entries())
      done.push({ ...part, etag: await storage.put(signed[at], parts[at].bytes) });
    return done;
  }

  /** @param {Uint8Array} blobId @param {bigint} seq */
  #refer = (blobId, seq) => this.#api.referenceBlob(this.#space.id, blobId, { seq: Number(seq) });

  async #storage() {
    return new Storage(this.#api.origin, (await this.#api.info()).blobs);
  }
}
