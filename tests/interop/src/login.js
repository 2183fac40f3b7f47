// Logging in (SPEC 13 and 14): by passphrase or by recovery code, and opening the keystore with what either gives.
import { equal, fromBase64Url, fromHex, toBase64Url, toHex } from './bytes.js';
import { IntegrityAlarm, PinMismatch, Refused } from './errors.js';
import { RelayApi } from './http.js';
import { identityOf } from './identity.js';
import { openKeystore } from './keystore.js';
import { finishLogin, requireSoundKsf, startLogin } from './opaque.js';
import { readRecoveryCode, recoveryLoginKey, signRecoveryLogin } from './recovery.js';
import { SUBPROTOCOL } from './socket.js';

/**
 * What a device keeps of a relay from its first contact on.
 * @typedef {{ opaquePublicKey?: Uint8Array, ksf?: import('./opaque.js').Ksf, generation?: bigint }} Pins
 */

/**
 * @typedef {object} Login
 * @property {RelayApi} api
 * @property {string} token
 * @property {Uint8Array} sessionId
 * @property {Uint8Array} accountId
 * @property {import('./identity.js').Identity} identity
 * @property {ReturnType<typeof openKeystore>} keystore
 * @property {Required<Pins>} pins
 */

/** @param {RelayApi} api @param {Pins} pins */
async function requireOwnRelay(api, pins) {
  const info = await api.info();
  if (info.origin !== api.origin) throw new PinMismatch(`the relay says it is ${info.origin}, not ${api.origin}`);
  if (!info.subprotocols?.includes(SUBPROTOCOL))
    throw new Refused('unknown_protocol', `the relay speaks ${JSON.stringify(info.subprotocols)}`);
  requireSoundKsf(info.ksf, pins.ksf);
  requireRelayKey(fromBase64Url(info.opaque_public_key), pins);
  return info;
}

/** @param {Uint8Array} key @param {Pins} pins */
function requireRelayKey(key, { opaquePublicKey }) {
  if (opaquePublicKey && !equal(key, opaquePublicKey)) throw new PinMismatch('the relay shows another OPAQUE key');
}

/**
 * @param {{ url: string, handle: string, passphrase: string, deviceName: string, pins?: Pins }} options
 * @returns {Promise<Login>}
 */
export async function logIn({ url, handle, passphrase, deviceName, pins = {} }) {
  const api = new RelayApi(url);
  const info = await requireOwnRelay(api, pins);
  const { state, request } = await startLogin(passphrase);
  const started = await api.startLogin({ handle, credential_request: request });
  requireSoundKsf(started.ksf, pins.ksf);
  const { finalization, exportKey, relayKey } = finishLogin({
    state,
    response: started.credential_response,
    passphrase,
    ksf: started.ksf,
  });
  requireRelayKey(relayKey, { opaquePublicKey: fromBase64Url(info.opaque_public_key) });
  const login = { login_id: started.login_id, credential_finalization: finalization, device_name: deviceName };
  const session = await api.finishLogin(login);
  return open({ api, session, slot: 'passphrase', secret: exportKey, relayKey, ksf: started.ksf, pins });
}

/** @param {{ url: string, code: string, deviceName: string, pins?: Pins }} options @returns {Promise<Login>} */
export async function logInByRecoveryCode({ url, code, deviceName, pins = {} }) {
  const api = new RelayApi(url);
  const info = await requireOwnRelay(api, pins);
  const secret = readRecoveryCode(code);
  const started = await api.startRecovery({ recovery_login_key: toBase64Url(recoveryLoginKey(secret)) });
  const signature = signRecoveryLogin(secret, api.origin, fromBase64Url(started.challenge));
  const session = await api.finishRecovery({
    login_id: started.login_id,
    signature: toBase64Url(signature),
    device_name: deviceName,
  });
  const relayKey = fromBase64Url(info.opaque_public_key);
  return open({ api, session, slot: 'recovery', secret, relayKey, ksf: info.ksf, pins });
}

/** A session that something is wrong with is ended. @returns {Promise<Login>} */
async function open({ api, session, slot, secret, relayKey, ksf, pins }) {
  const own = api.as(session.session_token);
  try {
    const accountId = fromHex(session.account_id, 16);
    const keystore = openKeystore(fromBase64Url((await own.keystore()).keystore), accountId, slot, secret);
    const identity = await checkedIdentity({ api: own, keystore, relayKey, ksf, pins });
    const sessionId = fromHex(session.session.session_id, 16);
    const newPins = { opaquePublicKey: relayKey, ksf, generation: keystore.generation };
    return { api: own, token: session.session_token, sessionId, accountId, identity, keystore, pins: newPins };
  } catch (error) {
    await own.endSession().catch(() => {}); // what went wrong before is what counts
    throw error;
  }
}

/** The owner's keys, if keystore, relay and account agree about everything. */
async function checkedIdentity({ api, keystore, relayKey, ksf, pins }) {
  if (keystore.generation < (pins.generation ?? 0n))
    throw new IntegrityAlarm('keystore_conflict', 'an older keystore than before');
  requirePinsOf(keystore.content.relay, relayKey, ksf);
  const identity = await identityOf(keystore.content.signingSeed, keystore.content.hpkeSeed);
  await requireOwnPrincipal(api, identity);
  return identity;
}

/**
 * The keystore remembers which relay it was made for.
 * @param {any} pinned
 * @param {Uint8Array} relayKey
 * @param {import('./opaque.js').Ksf} ksf
 */
function requirePinsOf(pinned, relayKey, ksf) {
  requireRelayKey(relayKey, pinned);
  requireSoundKsf(ksf, { m_kib: pinned.ksfMKib, t: pinned.ksfT, p: pinned.ksfP });
}

/** @param {RelayApi} api @param {import('./identity.js').Identity} identity */
async function requireOwnPrincipal(api, identity) {
  const { principal_id: principalId } = await api.account();
  if (principalId !== toHex(identity.principal.id))
    throw new IntegrityAlarm('keystore_conflict', 'the account has another principal');
}
