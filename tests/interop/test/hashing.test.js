import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { framed, hash } from '../src/hashing.js';
import { hex, vectors } from '../support/vectors.js';

for (const { why, label, parts, framed: expected, hash: digest } of vectors('hashing')) {
  test(`framed bytes: ${why}`, () => {
    const name = label.replace('sealpost/v1/', '');
    assert.equal(toHex(framed(name, parts.map(hex))), expected);
    assert.equal(toHex(hash(name, parts.map(hex))), digest);
  });
}
