import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DurableLog, durableValue } from '../src/store.js';

const folder = () => mkdtempSync(join(tmpdir(), 'sealpost-'));

test('a value comes back with its bytes and its 64-bit numbers', () => {
  const value = durableValue(folder(), 'deep', 'value.json');
  assert.equal(value.read(), undefined);
  const written = { bytes: Uint8Array.of(0, 255), number: 2n ** 63n, list: [{ text: 'é' }] };
  value.write(written);
  assert.deepEqual(value.read(), written);
});

test('a log comes back record by record, without the tail that a crash cut short', () => {
  const path = join(folder(), 'log');
  const log = new DurableLog(path);
  log.append([Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)]);
  log.close();
  appendFileSync(path, Uint8Array.of(0, 0, 0, 9, 1, 2));
  const again = new DurableLog(path);
  assert.deepEqual(again.records, [Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)]);
  again.append([Uint8Array.of(4)]);
  again.close();
  assert.equal(new DurableLog(path).records.length, 4);
});
