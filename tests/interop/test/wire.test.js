import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { decode, decodeCanonical, encode } from '../src/wire.js';
import { hex, refusal, vectors } from '../support/vectors.js';

for (const { why, message, bytes, valid } of vectors('canonical')) {
  test(`canonical encoding: ${why}`, () => {
    assert.equal(
      refusal(() => decodeCanonical(message, hex(bytes))),
      valid ? null : 'malformed',
    );
    if (valid) assert.equal(toHex(encode(message, decodeCanonical(message, hex(bytes)))), bytes);
  });
}

for (const { why, from, frame } of vectors('frames')) {
  test(`frames: ${why}`, () => {
    const name = from === 'relay' ? 'RelayFrame' : 'ClientFrame';
    const decoded = decode(name, hex(frame));
    assert.ok(decoded.body);
    assert.equal(toHex(encode(name, decoded)), frame);
  });
}

test('a frame with a field of the future is read', () => {
  assert.deepEqual(decode('RelayFrame', hex('08075a00f80701')).body, 'done');
});

test('numbers keep all 64 bits', () => {
  const bytes = hex('08ffffffffffffffffff01');
  assert.equal(decodeCanonical('Rekey', bytes).epoch, 2n ** 64n - 1n);
  assert.equal(toHex(encode('Rekey', decodeCanonical('Rekey', bytes))), toHex(bytes));
});
