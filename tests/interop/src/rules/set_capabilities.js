import { toHex } from '../bytes.js';
import { MANAGE, has, mayBringIn, requireFit, requireKnown } from '../capabilities.js';
import { require } from '../errors.js';

/** @type {import('../chain.js').Rule} */
export const setCapabilities = {
  apply(chain, { record }) {
    const { principalId, capabilities } = record.setCapabilities;
    const own = chain.requireManager(record.author).capabilities;
    requireKnown(capabilities);
    const member = chain.member(principalId);
    require(member, 'control_invalid', 'the capabilities of a stranger');
    require(has(own, capabilities & ~member.capabilities), 'not_permitted', 'adds what its author has not');
    requireFit(member.principal.kind, capabilities);
    if (!has(capabilities, MANAGE)) chain.requireManagerBeside(principalId);
    chain.members.set(toHex(principalId), { ...member, capabilities });
    chain.invites.keepOf(principalId, (granted) => mayBringIn(capabilities, granted));
  },
};
