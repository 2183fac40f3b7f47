import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { encodeHeader, parseEvent, parseHeader, requireSignatureOfEvent } from '../src/events.js';
import { decode } from '../src/wire.js';
import { hex, refusal, vectors } from '../support/vectors.js';

const camel = (/** @type {string} */ name) => name.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase());
const plain = (/** @type {unknown} */ value) => (typeof value === 'bigint' ? Number(value) : toHex(value));

for (const { why, header, fields } of vectors('event_header')) {
  test(`event headers: ${why}`, () => {
    if (fields === null)
      return assert.equal(
        refusal(() => parseHeader(hex(header))),
        'malformed',
      );
    const parsed = parseHeader(hex(header));
    for (const [name, value] of Object.entries(fields)) assert.equal(plain(parsed[camel(name)]), value ?? '', name);
    assert.equal(toHex(encodeHeader(parsed)), header);
  });
}

for (const { why, event, event_id: id, public_key: key, verdict } of vectors('event')) {
  test(`events: ${why}`, () => {
    const judge = () => {
      const parsed = parseEvent(decode('SignedEvent', hex(event)));
      requireSignatureOfEvent(parsed, hex(key));
      return parsed;
    };
    assert.equal(refusal(judge) ?? 'valid', verdict);
    if (verdict === 'valid') assert.equal(toHex(judge().id), id);
  });
}
