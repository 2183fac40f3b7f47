import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat } from '../src/bytes.js';
import { framed } from '../src/hashing.js';
import { isStrictKey, publicKeyOf, sign, verify } from '../src/signatures.js';
import { hex } from '../support/vectors.js';

const { Point } = ed25519;
const seed = new Uint8Array(32).fill(7);
const parts = [Uint8Array.of(1, 2, 3)];
// The eight points of small order, and two encodings that are not canonical.
const SMALL = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
];
const NOT_CANONICAL = [
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0100000000000000000000000000000000000000000000000000000000000080',
];

test('a signature holds for its label and its parts alone', () => {
  const [key, signature] = [publicKeyOf(seed), sign(seed, 'event', parts)];
  assert.ok(verify(key, 'event', parts, signature));
  assert.ok(!verify(key, 'signal', parts, signature));
  assert.ok(!verify(key, 'event', [Uint8Array.of(1, 2), Uint8Array.of(3)], signature));
  assert.ok(!verify(publicKeyOf(new Uint8Array(32).fill(8)), 'event', parts, signature));
});

test('keys of small order and second encodings are refused', () => {
  for (const key of [...SMALL, ...NOT_CANONICAL]) assert.ok(!isStrictKey(hex(key)), key);
  assert.ok(isStrictKey(publicKeyOf(seed)));
});

// s = r + k * a: a signature by `seed` over a key that has a part of small order added.
function signOverMixedKey(key, message, nonce) {
  const { scalar } = ed25519.utils.getExtendedPublicKey(seed);
  const r = Point.BASE.multiply(nonce).toBytes();
  const challenge = bytesToNumberLE(sha512(concat(r, key, message)));
  return concat(r, numberToBytesLE(Point.Fn.create(nonce + challenge * scalar), 32));
}

test('signatures that only hold times the cofactor are refused', () => {
  const key = Point.fromBytes(publicKeyOf(seed))
    .add(Point.fromBytes(hex(SMALL[4])))
    .toBytes();
  const message = framed('event', parts);
  const signatures = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map((nonce) => signOverMixedKey(key, message, nonce));
  assert.ok(signatures.every((signature) => ed25519.verify(signature, message, key, { zip215: true })));
  assert.ok(!signatures.every((signature) => verify(key, 'event', parts, signature)));
});
