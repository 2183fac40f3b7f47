// The relay's HTTP interface (SPEC 13 and its OpenAPI document). Refusals become `Refused` with the code of the
// problem.
import { toHex } from './bytes.js';
import { Refused } from './errors.js';

/** Codes by status, for answers that are no problem documents. @type {Record<number, string>} */
const BY_STATUS = {
  401: 'not_authenticated',
  404: 'not_found',
  413: 'too_large',
  429: 'rate_limited',
  503: 'overloaded',
};

/** @param {Response} response @returns {Promise<Refused>} */
async function refusalOf(response) {
  const problem = await response.json().catch(() => ({}));
  const code = typeof problem.code === 'string' ? problem.code : (BY_STATUS[response.status] ?? 'internal');
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  const retryAfterMs = BigInt(problem.retry_after_ms ?? seconds * 1000);
  return new Refused(code, problem.detail, { retryAfterMs, limit: BigInt(problem.limit ?? 0) });
}

/** @param {Uint8Array} spaceId @param {Uint8Array} blobId */
const blobPath = (spaceId, blobId) => `/v1/blobs/${toHex(spaceId)}/${toHex(blobId)}`;

export class RelayApi {
  #token;

  /** @param {string} url the relay's origin, as configured @param {string} [token] of a session */
  constructor(url, token) {
    this.origin = new URL(url).origin;
    this.#token = token;
  }

  /** The same relay, as the owner of a session. @param {string} token */
  as(token) {
    return new RelayApi(this.origin, token);
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async #request(method, path, body) {
    const headers = { accept: 'application/json' };
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    if (body) headers['content-type'] = 'application/json';
    const response = await fetch(this.origin + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      redirect: 'error',
    });
    if (!response.ok) throw await refusalOf(response);
    return response.status === 204 ? null : response.json();
  }

  info = () => this.#request('GET', '/v1/info');
  startLogin = (/** @type {object} */ body) => this.#request('POST', '/v1/login/start', body);
  finishLogin = (/** @type {object} */ body) => this.#request('POST', '/v1/login/finish', body);
  startRecovery = (/** @type {object} */ body) => this.#request('POST', '/v1/login/recovery/start', body);
  finishRecovery = (/** @type {object} */ body) => this.#request('POST', '/v1/login/recovery/finish', body);
  account = () => this.#request('GET', '/v1/account');
  keystore = () => this.#request('GET', '/v1/keystore');
  putKeystore = (/** @type {object} */ body) => this.#request('PUT', '/v1/keystore', body);
  spaces = () => this.#request('GET', '/v1/spaces');
  sessions = () => this.#request('GET', '/v1/sessions');
  endSession = () => this.#request('DELETE', '/v1/sessions/current');

  reserveBlob = (/** @type {object} */ body) => this.#request('POST', '/v1/blobs', body);
  blobParts = (/** @type {Uint8Array} */ space, /** @type {Uint8Array} */ blob, /** @type {object} */ body) =>
    this.#request('POST', `${blobPath(space, blob)}/parts`, body);
  completeBlob = (/** @type {Uint8Array} */ space, /** @type {Uint8Array} */ blob, /** @type {object} */ body) =>
    this.#request('POST', `${blobPath(space, blob)}/complete`, body);
  referenceBlob = (/** @type {Uint8Array} */ space, /** @type {Uint8Array} */ blob, /** @type {object} */ body) =>
    this.#request('POST', `${blobPath(space, blob)}/reference`, body);
  blob = (/** @type {Uint8Array} */ space, /** @type {Uint8Array} */ blob) =>
    this.#request('GET', blobPath(space, blob));
  deleteBlob = (/** @type {Uint8Array} */ space, /** @type {Uint8Array} */ blob, /** @type {Uint8Array} */ author) =>
    this.#request('DELETE', `${blobPath(space, blob)}?author=${toHex(author)}`);
}
