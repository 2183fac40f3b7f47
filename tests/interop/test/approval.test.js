import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  openApproval,
  presharedKey,
  readDeviceCode,
  requestOf,
  requestToken,
  sealApproval,
  writeDeviceCode,
} from '../src/approval.js';
import { toHex } from '../src/bytes.js';
import { hpkeKeyOf } from '../src/epochs.js';
import { publicKeyOf } from '../src/signatures.js';
import { approvalVectors, hex } from '../support/vectors.js';

const all = approvalVectors();
const seed = hex(all.hpke_seed);
const owner = hex(all.owner_signing_seed);

for (const vector of all.codes) {
  test(`a device's code: ${vector.why}`, () => {
    const code = readDeviceCode(vector.code);
    assert.deepEqual(
      [code.handle, toHex(code.secret), toHex(code.request)],
      [vector.handle, vector.secret, vector.request],
    );
    assert.equal(writeDeviceCode(code), vector.code);
    assert.equal(readDeviceCode(`${vector.code.toLowerCase()}\n`).handle, vector.handle);
    assert.equal(toHex(requestToken(code)), vector.request_token);
    assert.equal(toHex(presharedKey(code)), vector.preshared_key);
  });
}

for (const { why, code } of all.refused_codes) {
  test(`a device's code is refused: ${why}`, () => assert.throws(() => readDeviceCode(code), { code: 'cannot_open' }));
}

test('a code commits to relay, account, name and key of the device', async () => {
  const hpkeKey = await hpkeKeyOf(seed);
  const device = { origin: all.origin, handle: all.handle, deviceName: all.device_name, hpkeKey };
  assert.equal(toHex(requestOf(device)), all.codes[0].request);
  for (const other of [{ origin: 'https://evil.example' }, { handle: 'bob' }, { deviceName: 'laptop' }]) {
    assert.notEqual(toHex(requestOf({ ...device, ...other })), all.codes[0].request);
  }
});

for (const { why, sealed, grant, valid_signature: valid } of all.approvals) {
  test(`an approval opens: ${why}`, async () => {
    const code = readDeviceCode(all.codes[0].code);
    const opened = await openApproval(code, seed, hex(sealed));
    assert.equal(toHex(opened.grant.rootKey), grant.root_key);
    assert.equal(toHex(opened.grant.accountId), grant.account_id);
    assert.equal(toHex(opened.grant.principalId), grant.principal_id);
    assert.equal(toHex(opened.grant.request), grant.request);
    assert.equal(toHex(opened.grant.keystoreDigest), grant.keystore_digest);
    assert.deepEqual(
      [opened.grant.origin, opened.grant.handle, Number(opened.grant.generation)],
      [grant.origin, grant.handle, grant.generation],
    );
    assert.equal(opened.isBy(publicKeyOf(owner)), valid);
    const again = await sealApproval(code, opened.grant, owner, await hpkeKeyOf(seed));
    assert.ok((await openApproval(code, seed, again)).isBy(publicKeyOf(owner)));
  });
}

for (const { why, sealed } of all.refused_approvals) {
  test(`an approval is refused: ${why}`, async () => {
    const code = readDeviceCode(all.codes[0].code);
    await assert.rejects(openApproval(code, seed, hex(sealed)), { code: 'cannot_open' });
  });
}
