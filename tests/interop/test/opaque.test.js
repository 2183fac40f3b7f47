import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireSoundKsf } from '../src/opaque.js';

const sound = { m_kib: 65_536, t: 3, p: 1 };

test('parameters at the floor and above it are taken', () => {
  requireSoundKsf(sound);
  requireSoundKsf({ m_kib: 262_144, t: 4, p: 2 });
});

for (const [why, change] of Object.entries({
  'less memory': { m_kib: 65_535 },
  'fewer passes': { t: 2 },
  'no lane': { p: 0 },
  'memory of 4 TiB': { m_kib: 2 ** 32 - 1 },
  'passes for a year': { t: 2 ** 32 - 1 },
  'a text': { t: '3' },
  'half a pass more': { t: 3.5 },
})) {
  test(`parameters are refused before anything is derived: ${why}`, () => {
    assert.throws(() => requireSoundKsf({ ...sound, ...change }), { code: 'pin_mismatch' });
  });
}

test('less than this account was stretched by before is refused', () => {
  assert.throws(() => requireSoundKsf(sound, { ...sound, t: 4 }), { code: 'pin_mismatch' });
  assert.throws(() => requireSoundKsf(undefined), { code: 'pin_mismatch' });
});
