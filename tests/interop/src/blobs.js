// Blobs (SPEC 7.1): what is too large for a message, sealed in chunks, and the reference that a message carries. Folders of
// them (SPEC 7.2).
import { EMPTY, compare, concat, equal, isZero, u32, u64, utf8 } from './bytes.js';
import { CannotOpen, require } from './errors.js';
import { framed, hkdf, sha256 } from './hashing.js';
import {
  BLOB_CHUNK,
  MAX_BLOB,
  MAX_BLOB_NAME,
  MAX_BLOB_TYPE,
  MAX_FOLDER,
  MAX_FOLDER_FILES,
  MAX_FOLDER_PATH,
} from './limits.js';
import { padme } from './padding.js';
import { open, seal } from './sealing.js';
import { decodeCanonical } from './wire.js';

/** @typedef {{ length: number, padded: number, chunks: number, stored: number }} BlobSize */
/** @typedef {{ blobId: Uint8Array, key: Uint8Array, epoch: bigint, chunkSize: number, ciphertextHash: Uint8Array,
 *   name: string, contentType: string, size: BlobSize }} BlobReference */

const TAG = 16;
const LEAST = 256;
const PREFIX = 19;
const UNSAFE_IN_NAMES = /[/\\\p{Cc}\p{Bidi_Control}]/u;
const PRINTABLE = /^[ -~]*$/;

/** @param {number} length @returns {BlobSize} */
export function sizeOf(length) {
  const padded = Math.max(LEAST, padme(length));
  const chunks = Math.ceil(padded / BLOB_CHUNK);
  return { length, padded, chunks, stored: padded + chunks * TAG };
}

/** @param {Uint8Array} body of a message @returns {BlobReference} */
export function parseReference(body) {
  return checkReference(decodeCanonical('BlobReference', body));
}

/** @param {any} reference in one encoding @returns {BlobReference} */
function checkReference(reference) {
  const { version, blobId, key, epoch, chunkSize, ciphertextHash, name, contentType, length } = reference;
  require(version === 1, 'malformed', 'a blob reference of another version');
  require(blobId.length === 16 && key.length === 32 && ciphertextHash.length === 32, 'malformed', 'a length');
  require(epoch > 0n && chunkSize === BLOB_CHUNK, 'malformed', 'epoch or chunk size');
  require(length <= BigInt(MAX_BLOB), 'too_large', 'a blob');
  require(isName(name), 'malformed', 'a name');
  require(contentType.length <= MAX_BLOB_TYPE && PRINTABLE.test(contentType), 'malformed', 'a content type');
  return { ...reference, size: sizeOf(Number(length)) };
}

/** @param {string} name */
const isName = (name) =>
  utf8(name).length <= MAX_BLOB_NAME && !['.', '..'].includes(name) && !UNSAFE_IN_NAMES.test(name);

/** @param {Uint8Array} plaintext of a blob @returns {{ path: string, executable: boolean, blob: BlobReference }[]} */
export function parseFolder(plaintext) {
  require(plaintext.length <= MAX_FOLDER, 'too_large', 'a folder');
  const { version, files } = decodeCanonical('Folder', plaintext);
  require(version === 1, 'malformed', 'a folder of another version');
  require(files.length <= MAX_FOLDER_FILES, 'too_large', 'a folder');
  const paths = new Set(files.map((/** @type {any} */ { path }) => path));
  let before = null;
  for (const { path } of files) {
    const parts = path.split('/');
    const above = parts
      .slice(1)
      .map((/** @type {string} */ _, /** @type {number} */ at) => parts.slice(0, at + 1).join('/'));
    require(utf8(path).length <= MAX_FOLDER_PATH &&
      parts.every((/** @type {string} */ part) => part !== '' && isName(part)), 'malformed', 'a path');
    require(before === null || compare(utf8(before), utf8(path)) < 0, 'malformed', 'the order of paths');
    require(!above.some((/** @type {string} */ path) => paths.has(path)), 'malformed', 'a file in a file');
    before = path;
  }
  return files.map((/** @type {any} */ { path, executable, blob }) => {
    require(blob && blob.name === '', 'malformed', 'the blob of a file');
    return { path, executable, blob: checkReference(blob) };
  });
}

/** @param {Uint8Array} spaceId @param {BlobReference} reference */
function chunksOf(spaceId, { key, epoch, blobId, size }) {
  const derived = hkdf(key, framed('blob', [spaceId, u64(epoch), blobId, u32(BLOB_CHUNK)]), { length: 32 + PREFIX });
  const chunkAt = (/** @type {number} */ index) => {
    const last = index === size.chunks - 1;
    return {
      key: derived.slice(0, 32),
      nonce: concat(derived.slice(32), u32(index), Uint8Array.of(last ? 1 : 0)),
      context: last ? framed('blob-end', [u64(size.length)]) : EMPTY,
    };
  };
  return Array.from({ length: size.chunks }, (_, index) => chunkAt(index));
}

/** What is stored. @param {Uint8Array} spaceId @param {BlobReference} reference @param {Uint8Array} plaintext */
export function sealBlob(spaceId, reference, plaintext) {
  const padded = new Uint8Array(reference.size.padded);
  padded.set(plaintext);
  const part = (/** @type {number} */ index) => padded.subarray(index * BLOB_CHUNK, (index + 1) * BLOB_CHUNK);
  const chunks = chunksOf(spaceId, reference);
  return concat(...chunks.map(({ key, nonce, context }, index) => seal(key, nonce, context, part(index))));
}

/** The plaintext. @param {Uint8Array} spaceId @param {BlobReference} reference @param {Uint8Array} stored */
export function openBlob(spaceId, reference, stored) {
  const { size, ciphertextHash } = reference;
  if (stored.length !== size.stored || !equal(sha256(stored), ciphertextHash)) throw new CannotOpen();
  const width = BLOB_CHUNK + TAG;
  const part = (/** @type {number} */ index) => stored.subarray(index * width, (index + 1) * width);
  const chunks = chunksOf(spaceId, reference);
  const padded = concat(...chunks.map(({ key, nonce, context }, index) => open(key, nonce, context, part(index))));
  if (!isZero(padded.subarray(size.length))) throw new CannotOpen();
  return padded.slice(0, size.length);
}
