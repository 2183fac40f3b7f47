import { toHex } from '../bytes.js';
import { MANAGE, has, mayBringIn, requireFit, requireKnown } from '../capabilities.js';
import { require } from '../errors.js';
import { AGENT, parseManifest } from '../principals.js';

/** @type {import('../chain.js').Rule} */
export const addMember = {
  waiting: 'newcomer',

  apply(chain, { record }) {
    const { manifest, capabilities, wrapHash } = record.addMember;
    const own = chain.requireMember(record.author).capabilities;
    requireKnown(capabilities);
    const newcomer = parseManifest(manifest);
    require(mayBringIn(own, capabilities), 'not_permitted', 'an add that its author may not make');
    require(newcomer.kind !== AGENT || has(own, MANAGE), 'not_permitted', 'an agent is added without `manage`');
    requireFit(newcomer.kind, capabilities);
    chain.requireRoomFor(newcomer);
    require(wrapHash.length ===
      (chain.policy.shareHistory ? 32 : 0), 'control_invalid', 'a wrap hash where there is none');
    chain.invites.requests.delete(toHex(newcomer.id));
    chain.addMember(newcomer, capabilities);
  },
};
