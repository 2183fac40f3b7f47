import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { openKeystore, sealNextGeneration, slotKey } from '../src/keystore.js';
import { readRecoveryCode, recoveryLoginKey, writeRecoveryCode } from '../src/recovery.js';
import { systemRandom } from '../src/random.js';
import { encode } from '../src/wire.js';
import { hex, keystoreVectors } from '../support/vectors.js';

const all = keystoreVectors();
const account = hex(all.account_id);
const secrets = { passphrase: hex(all.export_key), recovery: readRecoveryCode(all.recovery_code) };

test('a recovery code is read however it was typed, and a typing error is found', () => {
  assert.equal(writeRecoveryCode(secrets.recovery), all.recovery_code);
  const typed = all.recovery_code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
  assert.equal(toHex(readRecoveryCode(typed)), toHex(secrets.recovery));
  assert.throws(() => readRecoveryCode(all.recovery_code.replace('G', 'H')), { code: 'cannot_open' });
  assert.equal(toHex(recoveryLoginKey(secrets.recovery)), all.recovery_login_key);
});

test('slot keys derive from export key and recovery code', () => {
  assert.equal(toHex(slotKey('passphrase', secrets.passphrase, account)), all.passphrase_slot_key);
  assert.equal(toHex(slotKey('recovery', secrets.recovery, account)), all.recovery_slot_key);
});

for (const { name, keystore, content } of all.open) {
  for (const slot of ['passphrase', 'recovery']) {
    test(`a keystore opens by its ${slot} slot: ${name}`, () => {
      const opened = openKeystore(hex(keystore), account, slot, secrets[slot]);
      assert.equal(toHex(encode('KeystoreContent', opened.content)), content);
      const next = sealNextGeneration(opened, opened.content, systemRandom);
      assert.equal(openKeystore(next, account, slot, secrets[slot]).generation, opened.generation + 1n);
    });
  }
}

for (const { name, keystore } of all.refuse) {
  test(`a keystore is refused: ${name}`, () => {
    for (const slot of ['passphrase', 'recovery']) {
      const open = () => openKeystore(hex(keystore), account, slot, secrets[slot]);
      assert.throws(open, { code: 'cannot_open' });
    }
  });
}
