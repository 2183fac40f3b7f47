import { toHex } from '../bytes.js';
import { ALL, INVITE, MANAGE, has } from '../capabilities.js';
import { require } from '../errors.js';
import { MAX_MEMBERS } from '../limits.js';
import { AGENT, parseManifest } from '../principals.js';

/** @type {import('../chain.js').Rule} */
export const addMember = {
  apply(chain, { record }) {
    const { manifest, capabilities, wrapHash } = record.addMember;
    const author = chain.requireMember(record.author).capabilities;
    require(has(author, MANAGE) || has(author, INVITE), 'not_permitted', 'an add without `manage` or `invite`');
    require(has(author, capabilities & ALL), 'not_permitted', 'an add that grants more than its author has');
    require(!chain.waitsForRekey, 'rekey_required', 'an add before the rekey');
    const newcomer = parseManifest(manifest);
    require((capabilities & ~ALL) === 0, 'control_invalid', 'unknown capabilities');
    const agentMay = newcomer.kind !== AGENT || (capabilities & (INVITE | MANAGE)) === 0;
    require(agentMay, 'control_invalid', 'an agent with `invite` or `manage`');
    require(!chain.member(newcomer.id), 'control_invalid', 'a member is added again');
    require(chain.members.size < MAX_MEMBERS, 'control_invalid', 'too many members');
    require(wrapHash.length ===
      (chain.policy.shareHistory ? 32 : 0), 'control_invalid', 'a wrap hash where there is none');
    chain.members.set(toHex(newcomer.id), { principal: newcomer, capabilities });
    chain.waitsForRekey = !chain.policy.shareHistory;
  },
};
