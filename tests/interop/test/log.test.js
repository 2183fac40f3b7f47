import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { parseControl, spaceIdOf } from '../src/control.js';
import { framed } from '../src/hashing.js';
import { SpaceLog, nextRoot } from '../src/log.js';
import { decode, encode } from '../src/wire.js';
import { u64 } from '../src/bytes.js';
import { hex, vectors } from '../support/vectors.js';

test('roots: every entry, from the space id on', () => {
  let root = new Uint8Array(0);
  for (const { seq, event_id: id, space_id: space, root: expected, receipt_input: receipt } of vectors('root')) {
    root = id === null ? hex(space) : nextRoot(root, BigInt(seq), hex(id));
    assert.equal(toHex(root), expected);
    assert.equal(toHex(framed('receipt', [hex(space), u64(seq), root])), receipt);
  }
});

/** Entries come alone, and in frames of both sides: each way must give the same. @param {Uint8Array} bytes */
function throughFrames(bytes) {
  const entry = decode('Entry', bytes);
  const page = encode('RelayFrame', {
    body: 'page',
    page: { firstSeq: 1n, entries: [entry], lastRoot: bytes.slice(0, 32) },
  });
  const publish = encode('ClientFrame', {
    requestId: 1n,
    body: 'publish',
    publish: { spaceId: bytes.slice(0, 32), entries: [entry] },
  });
  assert.deepEqual(decode('RelayFrame', page).page.entries, [entry]);
  return decode('ClientFrame', publish).publish.entries[0];
}

/** @param {any[]} list @param {string} title */
function runLog(list, title) {
  const all = list.map((vector) => ({ ...vector, entry: throughFrames(hex(vector.entry)) }));
  const log = new SpaceLog(spaceIdOf(parseControl(all[0].entry.control)));
  for (const { why, entry, refused, repeat_of: repeatOf, seq, root } of all) {
    test(`${title}: ${why}`, () => {
      const before = { seq: log.seq, root: toHex(log.root), members: [...log.chain.members.keys()] };
      if (refused) {
        assert.throws(() => log.append(entry), { code: refused });
      } else {
        const verdict = log.append(entry);
        assert.equal(Number(verdict.seq), repeatOf ?? seq);
        assert.equal(verdict.repeat, repeatOf !== null);
      }
      const after = { seq: log.seq, root: toHex(log.root), members: [...log.chain.members.keys()] };
      if (seq === null) assert.deepEqual(after, before);
      else assert.deepEqual([Number(after.seq), after.root], [seq, root]);
    });
  }
}

runLog(vectors('log'), 'log');
runLog(vectors('membership'), 'membership');
