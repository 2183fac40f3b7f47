import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityOf, signSocket, socketParts } from '../src/identity.js';
import { verify } from '../src/signatures.js';
import { hex, vectors } from '../support/vectors.js';

for (const vector of vectors('socket')) {
  test(`proofs of a socket: ${vector.why}`, () => {
    const { nonce, principal_id: principalId, session_id: sessionId, writer_id: writerId } = vector;
    const bytes = { nonce, principalId, sessionId, writerId };
    const proof = Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, hex(value)]));
    const parts = socketParts({ ...proof, origin: vector.origin });
    assert.equal(verify(hex(vector.public_key), 'socket', parts, hex(vector.signature)), vector.valid);
  });
}

test('an identity proves itself to one origin', async () => {
  const identity = await identityOf(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
  const proof = {
    origin: 'https://relay.example.org',
    nonce: new Uint8Array(32),
    sessionId: new Uint8Array(16),
    writerId: new Uint8Array(16),
  };
  const signature = signSocket(identity, proof);
  const parts = (origin) => socketParts({ ...proof, origin, principalId: identity.principal.id });
  assert.ok(verify(identity.principal.signingKey, 'socket', parts(proof.origin), signature));
  assert.ok(!verify(identity.principal.signingKey, 'socket', parts('https://evil.example'), signature));
});
