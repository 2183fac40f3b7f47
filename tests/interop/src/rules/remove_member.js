import { equal, toHex } from '../bytes.js';
import { require } from '../errors.js';

/** @type {import('../chain.js').Rule} */
export const removeMember = {
  waiting: 'always',

  apply(chain, { record }) {
    const { principalId } = record.removeMember;
    chain.requireManager(record.author);
    require(!equal(principalId, record.author), 'control_invalid', 'somebody removes themselves');
    if (chain.invites.requests.delete(toHex(principalId))) return;
    require(chain.member(principalId), 'control_invalid', 'a stranger is removed');
    chain.dropMember(principalId);
  },
};
