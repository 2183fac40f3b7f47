// OPAQUE (SPEC 13) as the library spells it, and the floor and ceiling for what a relay may ask to stretch.
import * as opaque from '@serenity-kit/opaque';
import { fromBase64Url } from './bytes.js';
import { IntegrityAlarm, PinMismatch, Refused } from './errors.js';

/** @typedef {{ m_kib: number, t: number, p: number }} Ksf how Argon2id is run */

/** @type {Ksf} */
const FLOOR = { m_kib: 65_536, t: 3, p: 1 };
/** @type {Ksf} */
const CEILING = { m_kib: 1_048_576, t: 10, p: 4 };

/** Before anything is derived. @param {Ksf} offered @param {Ksf} [pinned] */
export function requireSoundKsf(offered, pinned = FLOOR) {
  for (const parameter of /** @type {const} */ (['m_kib', 't', 'p'])) {
    const least = Math.max(FLOOR[parameter], pinned[parameter]);
    const sound =
      Number.isInteger(offered?.[parameter]) && offered[parameter] >= least && offered[parameter] <= CEILING[parameter];
    if (!sound) throw new PinMismatch(`the relay asks to stretch passphrases by ${JSON.stringify(offered)}`);
  }
}

/** A passphrase as it is stretched. @param {string} passphrase */
const normal = (passphrase) => passphrase.normalize('NFC');

/** @param {string} passphrase */
export async function startLogin(passphrase) {
  await opaque.ready;
  const { clientLoginState, startLoginRequest } = opaque.client.startLogin({ password: normal(passphrase) });
  return { state: clientLoginState, request: startLoginRequest };
}

/**
 * The client is the first to know that a passphrase is wrong, or a handle: `login_failed`.
 * @param {{ state: string, response: string, passphrase: string, ksf: Ksf }} login
 */
export function finishLogin({ state, response, passphrase, ksf }) {
  let result;
  try {
    result = opaque.client.finishLogin({
      clientLoginState: state,
      loginResponse: response,
      password: normal(passphrase),
      keyStretching: { 'argon2id-custom': { memory: ksf.m_kib, iterations: ksf.t, parallelism: ksf.p } },
    });
  } catch {
    // The library throws for bytes that are no answer of this suite, and says no more than that.
    throw new IntegrityAlarm('malformed', 'the relay sent a malformed login response');
  }
  if (!result) throw new Refused('login_failed');
  return {
    finalization: result.finishLoginRequest,
    exportKey: fromBase64Url(result.exportKey),
    relayKey: fromBase64Url(result.serverStaticPublicKey),
  };
}
