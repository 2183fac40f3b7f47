import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBase64Url, fromHex, toBase64Url, toHex, u32, u64 } from '../src/bytes.js';

test('hex in capitals or of odd length is refused', () => {
  for (const text of ['AB', 'a', 'zz', '0x00']) assert.throws(() => fromHex(text), TypeError);
  assert.equal(toHex(fromHex('00ff')), '00ff');
  assert.throws(() => fromHex('00ff', 3), TypeError);
});

test('base64url has one form', () => {
  for (const text of ['AA==', 'A+', 'AB', 'A A']) assert.throws(() => fromBase64Url(text), TypeError);
  assert.equal(toBase64Url(fromBase64Url('_-8')), '_-8');
});

test('numbers are big-endian', () => {
  assert.equal(toHex(u32(258)), '00000102');
  assert.equal(toHex(u64(2n ** 64n - 1n)), 'ffffffffffffffff');
});
