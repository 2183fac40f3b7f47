import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Storage } from '../src/storage.js';

const RELAY = 'https://relay.example.org';
const PREFIX = 'https://s3.example.org/bucket/';
const foreign = { code: 'foreign_address' };

test('addresses that do not begin with what was announced are refused', () => {
  const storage = new Storage(RELAY, { url_prefix: PREFIX });
  assert.equal(storage.check(`${PREFIX}a/b?c=d`), `${PREFIX}a/b?c=d`);
  for (const address of [
    'https://evil.example.org/bucket/a',
    'http://s3.example.org/bucket/a',
    'https://s3.example.org/other/a',
    'https://s3.example.org@evil.example.org/bucket/a',
    `${PREFIX}../other/a`,
    `${PREFIX}%2e%2e/other/a`,
  ])
    assert.throws(() => storage.check(address), foreign, address);
});

test('storages without https are refused to a relay with it, and so is what is no folder', () => {
  for (const url_prefix of ['http://s3.example.org/bucket/', 'ftp://s3.example.org/', 'https://s3.example.org/bucket'])
    assert.throws(() => new Storage(RELAY, { url_prefix }), foreign, url_prefix);
  assert.ok(new Storage('http://127.0.0.1:7450', { url_prefix: 'http://127.0.0.1:7452/sealpost/' }));
  assert.throws(() => new Storage(RELAY, undefined), { code: 'no_blob_storage' });
});

/** @param {(url: string, response: import('node:http').ServerResponse) => void} answer */
async function serving(answer, check) {
  const server = createServer((request, response) => answer(request.url, response));
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const url_prefix = `http://127.0.0.1:${port}/bucket/`;
  try {
    await check(new Storage('http://127.0.0.1:1', { url_prefix }), url_prefix);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a redirect is not followed', () =>
  serving(
    (url, response) => (url === '/bucket/a' ? response.writeHead(307, { location: '/bucket/b' }) : response).end('b'),
    (storage, prefix) => assert.rejects(storage.get(`${prefix}a`, 1), foreign),
  ));

test('an object of another length than was announced opens nothing', () =>
  serving(
    (_, response) => response.end('abc'),
    async (storage, prefix) => {
      assert.deepEqual(await storage.get(`${prefix}a`, 3), Uint8Array.of(97, 98, 99));
      for (const length of [2, 4]) await assert.rejects(storage.get(`${prefix}a`, length), { code: 'cannot_open' });
    },
  ));
