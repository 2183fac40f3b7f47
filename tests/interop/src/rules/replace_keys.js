import { equal, toHex } from '../bytes.js';
import { MANAGE, has } from '../capabilities.js';
import { requireCoSignatureOfControl } from '../control.js';
import { require } from '../errors.js';
import { parseManifest } from '../principals.js';

/** @type {import('../chain.js').Rule} */
export const replaceKeys = {
  coSigned: true,

  apply(chain, control) {
    const { oldPrincipalId, manifest } = control.record.replaceKeys;
    const own = chain.requireMember(control.record.author).capabilities;
    const old = chain.member(oldPrincipalId);
    require(old, 'control_invalid', 'the keys of a stranger');
    const self = equal(oldPrincipalId, control.record.author);
    require(self || (has(own, MANAGE) && has(own, old.capabilities)), 'not_permitted', "another's keys");
    const next = parseManifest(manifest);
    requireCoSignatureOfControl(control, next.signingKey);
    require(next.kind === old.principal.kind, 'control_invalid', 'keys of another kind');
    require(!chain.member(next.id), 'control_invalid', "a member's keys");
    chain.invites.requests.delete(toHex(next.id));
    chain.dropMember(oldPrincipalId);
    chain.members.set(toHex(next.id), { principal: next, capabilities: old.capabilities });
  },
};
