import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, toHex } from '../src/bytes.js';
import { openContent, sealContent } from '../src/content.js';
import {
  EpochKeys,
  historyContext,
  hpkeKeyOf,
  keyIdOf,
  openPrevious,
  sealPrevious,
  unwrap,
  wrap,
  wrapHash,
  wrapInfo,
  wrapsDigest,
} from '../src/epochs.js';
import { parseHeader } from '../src/events.js';
import { parseManifest } from '../src/principals.js';
import { pad, unpad } from '../src/padding.js';
import { decodeCanonical } from '../src/wire.js';
import { hex, vectors } from '../support/vectors.js';

const [first, second] = vectors('epoch');
const epochOf = (vector) => ({
  spaceId: hex(vector.space_id ?? first.space_id),
  number: BigInt(vector.epoch),
  keyId: hex(vector.key_id),
});
const keysOf = (vector) => new EpochKeys(epochOf(vector), hex(vector.secret));

for (const vector of [first, second]) {
  test(`epochs: ${vector.why}`, () => {
    const keys = keysOf(vector);
    assert.equal(toHex(keyIdOf(keys.secret, keys.epoch.spaceId, keys.epoch.number)), vector.key_id);
    for (const name of ['content', 'signal', 'history']) assert.equal(toHex(keys[`${name}Key`]), vector[`${name}_key`]);
  });
}

test('a secret that the key id does not name is refused', () => {
  assert.throws(() => new EpochKeys(epochOf(first), hex(second.secret)), { code: 'cannot_open' });
});

const eventOf = (vector, ciphertext) => {
  const header = parseHeader(hex(vector.header));
  return { header, signed: { header: hex(vector.header), ciphertext } };
};
const sealedAs = (vector, content) =>
  sealContent(keysOf(vector), hex(vector.header), parseHeader(hex(vector.header)).nonce, content);

for (const vector of [first, second]) {
  test(`content is sealed and opened as in the vector of ${vector.why}`, () => {
    const content = decodeCanonical('EventContent', hex(vector.content));
    const ciphertext = sealedAs(vector, content);
    assert.equal(toHex(ciphertext), vector.ciphertext);
    assert.deepEqual(openContent(keysOf(vector), eventOf(vector, ciphertext)), content);
    ciphertext[0] ^= 1;
    assert.throws(() => openContent(keysOf(vector), eventOf(vector, ciphertext)), { code: 'cannot_open' });
  });
}

test('a first event id that is none does not open', () => {
  const content = decodeCanonical('EventContent', hex(second.content));
  content.messages[0].firstEventId = content.messages[0].firstEventId.slice(1);
  const event = eventOf(second, sealedAs(second, content));
  assert.throws(() => openContent(keysOf(second), event), { code: 'cannot_open' });
});

test('the previous secret opens under the next one, and under no other', () => {
  const [previous, next] = [keysOf(first), keysOf(second)];
  assert.equal(toHex(historyContext(previous.epoch, next.epoch)), second.history_aad);
  assert.equal(toHex(openPrevious(hex(second.sealed_previous), previous.epoch, next).secret), first.secret);
  const nonce = hex(second.sealed_previous).slice(0, 24);
  assert.equal(toHex(sealPrevious(previous, next, () => nonce)), second.sealed_previous);
  assert.throws(() => openPrevious(hex(second.sealed_previous), previous.epoch, previous), { code: 'cannot_open' });
});

for (const vector of vectors('wraps')) {
  test(`wraps: ${vector.why}`, async () => {
    if (vector.wraps) {
      const wraps = vector.wraps.map(([recipient, hash]) => ({ recipient: hex(recipient), wrapHash: hex(hash) }));
      return assert.equal(toHex(wrapsDigest(wraps.reverse())), vector.wraps_digest);
    }
    const [epoch, self, seed] = [epochOf(vector), parseManifest(hex(vector.manifest)), hex(vector.hpke_seed)];
    assert.equal(toHex(wrapInfo(epoch, self)), vector.info);
    assert.equal(toHex(wrapHash(hex(vector.wrap))), vector.wrap_hash);
    assert.equal(toHex(await hpkeKeyOf(seed)), toHex(self.hpkeKey));
    assert.equal(toHex((await unwrap(epoch, hex(vector.wrap), self, seed)).secret), vector.secret);
    const own = await wrap(epoch, hex(vector.secret), self);
    assert.equal(toHex((await unwrap(epoch, own, self, seed)).secret), vector.secret);
    await assert.rejects(unwrap({ ...epoch, number: 2n }, own, self, seed), { code: 'cannot_open' });
    const ofAnother = await wrap(epoch, new Uint8Array(32), self);
    await assert.rejects(unwrap(epoch, ofAnother, self, seed), { code: 'cannot_open' });
    own[1119] ^= 1;
    await assert.rejects(unwrap(epoch, own, self, seed), { code: 'cannot_open' });
  });
}

for (const { why, padded, plaintext } of vectors('padding')) {
  test(`padding: ${why}`, () => {
    if (plaintext === null) return assert.throws(() => unpad(hex(padded)), { code: 'cannot_open' });
    assert.equal(toHex(pad(hex(plaintext))), padded);
    assert.equal(toHex(unpad(concat(hex(padded)))), plaintext);
  });
}
