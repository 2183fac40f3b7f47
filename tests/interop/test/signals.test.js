import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSignal, requireSignatureOfSignal } from '../src/signals.js';
import { decode } from '../src/wire.js';
import { hex, refusal, vectors } from '../support/vectors.js';

for (const { why, signal, public_key: key, valid } of vectors('signal')) {
  test(`signals: ${why}`, () => {
    const signed = decode('SignedSignal', hex(signal));
    const judge = () => {
      parseSignal(signed);
      requireSignatureOfSignal(signed, hex(key));
    };
    assert.equal(refusal(judge) === null, valid);
  });
}
