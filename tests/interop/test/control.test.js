import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { parseControl, requireCoSignatureOfControl, requireSignatureOfControl, spaceIdOf } from '../src/control.js';
import { decode } from '../src/wire.js';
import { hex, refusal, vectors } from '../support/vectors.js';

for (const vector of vectors('control')) {
  test(`control records: ${vector.why}`, () => {
    const judge = () => {
      const control = parseControl(decode('SignedControl', hex(vector.control)));
      requireSignatureOfControl(control, hex(vector.public_key));
      if (vector.co_signer) requireCoSignatureOfControl(control, hex(vector.co_signer));
      return control;
    };
    assert.equal(refusal(judge) ?? 'valid', vector.verdict);
    if (vector.verdict !== 'valid') return;
    assert.equal(toHex(judge().id), vector.control_id);
    if (judge().record.body === 'genesis') assert.equal(toHex(spaceIdOf(judge())), vector.space_id);
  });
}
