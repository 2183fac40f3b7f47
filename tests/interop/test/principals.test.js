import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import {
  AGENT,
  HUMAN,
  fingerprint,
  fingerprintWords,
  isHandle,
  parseSignedManifest,
  readCard,
  writeCard,
} from '../src/principals.js';
import { hex, refusal, vectors } from '../support/vectors.js';

const all = vectors('manifest');
const list = new URL('../../../protocol/words/english.txt', import.meta.url);
const words = readFileSync(list, 'utf8').trim().split('\n');

for (const vector of all) {
  test(`manifests: ${vector.why}`, () => {
    const read = () => parseSignedManifest(hex(vector.signed_manifest));
    if (vector.principal_id === null) return assert.ok(refusal(read));
    const principal = read();
    assert.equal(toHex(principal.id), vector.principal_id);
    assert.equal(principal.kind, vector.kind === 'human' ? HUMAN : AGENT);
    assert.equal(fingerprint(principal.id), vector.fingerprint);
    assert.equal(fingerprintWords(principal.id, words), vector.words);
  });
}

test('a contact card is read again, and a typing error is found', () => {
  const card = writeCard('bob', hex(all[0].signed_manifest));
  assert.equal(toHex(readCard(`${card}\n`).principal.id), all[0].principal_id);
  assert.equal(
    refusal(() => readCard(card.replace('bob', 'rob'))),
    'malformed',
  );
});

for (const { handle, valid, why } of vectors('handle')) {
  test(`handles: ${why}`, () => {
    assert.equal(isHandle(handle), valid);
    const card = writeCard(handle, hex(all[0].signed_manifest));
    if (!valid)
      assert.equal(
        refusal(() => readCard(card)),
        'malformed',
      );
  });
}
