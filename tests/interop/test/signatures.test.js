import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStrictKey, publicKeyOf, sign, verify } from '../src/signatures.js';
import { hex, vectors } from '../support/vectors.js';

const seed = new Uint8Array(32).fill(7);
const parts = [Uint8Array.of(1, 2, 3)];

test('a signature holds for its label and its parts alone', () => {
  const [key, signature] = [publicKeyOf(seed), sign(seed, 'event', parts)];
  assert.ok(verify(key, 'event', parts, signature));
  assert.ok(!verify(key, 'signal', parts, signature));
  assert.ok(!verify(key, 'event', [Uint8Array.of(1, 2), Uint8Array.of(3)], signature));
  assert.ok(!verify(publicKeyOf(new Uint8Array(32).fill(8)), 'event', parts, signature));
});

for (const { why, public_key: key, valid } of vectors('signing_key')) {
  test(`signing keys: ${why}`, () => assert.equal(isStrictKey(hex(key)), valid));
}

for (const { why, public_key: key, parts: list, signature, valid } of vectors('signature')) {
  test(`signatures: ${why}`, () => {
    assert.equal(verify(hex(key), 'event', list.map(hex), hex(signature)), valid);
  });
}

for (const { why, public_key: key, origin, challenge, signature, valid } of vectors('agent')) {
  test(`logins of agents: ${why}`, () => {
    const proof = [new TextEncoder().encode(origin), hex(challenge)];
    assert.equal(verify(hex(key), 'agent-login', proof, hex(signature)), valid);
  });
}
