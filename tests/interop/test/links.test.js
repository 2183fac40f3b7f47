import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { hpkeKeyOf } from '../src/epochs.js';
import { sha256 } from '../src/hashing.js';
import { inviteRecipient } from '../src/invites.js';
import { inviteSeeds, readLink, signLookup, writeLink } from '../src/links.js';
import { publicKeyOf } from '../src/signatures.js';
import { hex, refusal, vectors } from '../support/vectors.js';

for (const vector of vectors('invite')) {
  test(`invite links: ${vector.why}`, async () => {
    if (vector.secret === null)
      return assert.equal(
        refusal(() => readLink(vector.link)),
        'malformed',
      );
    const link = readLink(vector.link);
    assert.deepEqual(
      [link.relay, toHex(link.spaceId), toHex(link.secret)],
      [vector.relay_url, vector.space_id, vector.secret],
    );
    assert.equal(writeLink(link.relay, link.spaceId, link.secret), vector.link);
    const seeds = inviteSeeds(link);
    const [key, hpkeKey] = [publicKeyOf(seeds.signing), await hpkeKeyOf(seeds.hpke)];
    assert.deepEqual([toHex(key), toHex(seeds.hpke)], [vector.invite_key, vector.hpke_seed]);
    assert.equal(toHex(sha256(hpkeKey)), vector.hpke_key_sha256);
    assert.equal(toHex(inviteRecipient({ key, hpkeKey })), vector.recipient);
    assert.equal(toHex(signLookup(seeds.signing, link.spaceId, hex(vector.joiner))), vector.lookup_signature);
  });
}
