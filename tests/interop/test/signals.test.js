import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyCheckpoint } from '../src/checkpoints.js';
import { verifyEvidence } from '../src/evidence.js';
import { packSignal, parseSignal, requireSignatureOfSignal, unpackSignal } from '../src/signals.js';
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

for (const { why, plaintext, kind, valid } of vectors('signal_content')) {
  test(`what a signal says: ${why}`, () => {
    if (!valid) {
      assert.throws(() => unpackSignal(hex(plaintext)));
      return;
    }
    const content = unpackSignal(hex(plaintext));
    assert.equal(content.kind, kind);
    assert.deepEqual(packSignal(content), hex(plaintext));
  });
}

for (const { why, key, checkpoint, valid } of vectors('checkpoint')) {
  test(`checkpoints: ${why}`, () => {
    const judge = () => verifyCheckpoint(decode('SignedCheckpoint', hex(checkpoint)), hex(key));
    assert.equal(refusal(judge) === null, valid);
  });
}

for (const { why, file, valid } of vectors('evidence')) {
  test(`evidence: ${why}`, () => {
    assert.equal(refusal(() => verifyEvidence(hex(file))) === null, valid);
  });
}
