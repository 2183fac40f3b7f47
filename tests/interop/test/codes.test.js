import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { TRANSIENT } from '../src/codes.js';
import * as limits from '../src/limits.js';
import { vectors } from '../support/vectors.js';

test('the transient codes are those of the specification', () => {
  const transient = vectors('codes')
    .filter((vector) => vector.transient)
    .map(({ code }) => code);
  assert.deepEqual([...TRANSIENT].sort(), transient.sort());
});

test('the limits are those of the specification', () => {
  const expected = Object.fromEntries(vectors('limits').map(({ limit, value }) => [limit, value]));
  assert.deepEqual({ ...limits }, expected);
});

test('no file of vectors is left out', () => {
  const folder = new URL('.', import.meta.url);
  const tests = readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join();
  const files = readdirSync(new URL('../../../protocol/vectors', import.meta.url));
  const left = files.map((file) => file.replace('.json', '')).filter((name) => !tests.includes(`vectors('${name}')`));
  assert.deepEqual(left, []);
});
