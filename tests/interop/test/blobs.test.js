import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBlob, parseFolder, parseReference, sealBlob } from '../src/blobs.js';
import { toHex } from '../src/bytes.js';
import { sha256 } from '../src/hashing.js';
import { blobVectors, hex, vectors } from '../support/vectors.js';

for (const { why, reference, size } of vectors('blob_reference')) {
  test(`blob references: ${why}`, () => {
    if (size === null) return assert.throws(() => parseReference(hex(reference)));
    assert.deepEqual(parseReference(hex(reference)).size, size);
  });
}

for (const { why, folder, files } of vectors('folder')) {
  test(`folders: ${why}`, () => {
    if (files === null) return assert.throws(() => parseFolder(hex(folder)));
    const parsed = parseFolder(hex(folder));
    assert.deepEqual(
      parsed.map(({ path, executable }) => ({ path, executable })),
      files,
    );
  });
}

const { space_id: spaceId, blobs } = blobVectors();
const plaintextOf = (length) => Uint8Array.from({ length }, (_, offset) => offset % 251);

for (const blob of blobs) {
  test(`blobs: ${blob.why}`, () => {
    const reference = parseReference(hex(blob.reference));
    const { length, padded, chunks, stored: storedLength } = blob;
    assert.deepEqual(reference.size, { length, padded, chunks, stored: storedLength });
    const stored = sealBlob(hex(spaceId), reference, plaintextOf(length));
    assert.equal(toHex(sha256(stored)), blob.ciphertext_hash);
    assert.equal(toHex(stored.slice(-32)), blob.end);
    assert.deepEqual(openBlob(hex(spaceId), reference, stored), plaintextOf(length));
    stored[0] ^= 1;
    assert.throws(() => openBlob(hex(spaceId), reference, stored), { code: 'cannot_open' });
  });
}
