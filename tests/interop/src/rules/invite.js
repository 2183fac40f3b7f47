// The life of an invite: made, revoked, accepted.
import { equal, toHex } from '../bytes.js';
import { MANAGE, has, mayBringIn, requireKnown } from '../capabilities.js';
import { requireCoSignatureOfControl } from '../control.js';
import { require } from '../errors.js';
import { HPKE_KEY, MAX_APPLICANTS, MAX_MEMBERS, MAX_OPEN_INVITES, WRAP } from '../limits.js';
import { HUMAN, parseManifest } from '../principals.js';
import { isStrictKey } from '../signatures.js';

/** @type {import('../chain.js').Rule} */
export const createInvite = {
  apply(chain, { record }) {
    const { inviteKey, hpkeKey, capabilities, uses, needsApproval, wrap } = record.createInvite;
    const own = chain.requireMember(record.author).capabilities;
    requireKnown(capabilities);
    require(mayBringIn(own, capabilities), 'not_permitted', 'an invite that its author may not make');
    require(isStrictKey(inviteKey) && hpkeKey.length === HPKE_KEY, 'control_invalid', 'keys of another form');
    require(uses >= 1 && uses <= MAX_MEMBERS, 'control_invalid', 'a number of uses that cannot be');
    require(!chain.invites.isKnown(inviteKey), 'control_invalid', 'the key of another invite');
    require(chain.invites.open.size < MAX_OPEN_INVITES, 'control_invalid', 'too many open invites');
    const carriesSecret = chain.policy.shareHistory && !needsApproval;
    require(wrap.length === (carriesSecret ? WRAP : 0), 'control_invalid', 'a wrap where there is none');
    const invite = { key: inviteKey, hpkeKey, maker: record.author, capabilities, uses, needsApproval, carriesSecret };
    chain.invites.open.set(toHex(inviteKey), invite);
  },
};

/** @type {import('../chain.js').Rule} */
export const revokeInvite = {
  apply(chain, { record }) {
    const { inviteKey } = record.revokeInvite;
    const own = chain.requireMember(record.author).capabilities;
    const invite = chain.invites.find(inviteKey);
    require(invite, 'invite_void', 'an invite that is not there');
    require(equal(invite.maker, record.author) || has(own, MANAGE), 'not_permitted', "another's invite");
    chain.invites.revoke(inviteKey);
  },
};

/** @type {import('../chain.js').Rule} */
export const acceptInvite = {
  waiting: 'newcomer',
  coSigned: true,

  author(chain, { record }) {
    const joiner = parseManifest(record.acceptInvite.manifest);
    require(equal(joiner.id, record.author), 'control_invalid', 'an acceptance by somebody else');
    require(chain.invites.get(record.acceptInvite.inviteKey), 'invite_void', 'an invite that is not open');
    return joiner;
  },

  apply(chain, control) {
    const { inviteKey, manifest, wrap } = control.record.acceptInvite;
    const joiner = parseManifest(manifest);
    const invite = chain.invites.get(inviteKey);
    requireCoSignatureOfControl(control, invite.key);
    require(joiner.kind === HUMAN, 'control_invalid', 'an agent accepts an invite');
    chain.requireRoomFor(joiner);
    require(wrap.length === (invite.carriesSecret ? WRAP : 0), 'control_invalid', 'a wrap where there is none');
    if (invite.needsApproval) {
      const { requests } = chain.invites;
      const room = requests.size < MAX_APPLICANTS && !requests.has(toHex(joiner.id));
      require(room, 'control_invalid', 'too many wait, or this one does already');
      requests.set(toHex(joiner.id), { principal: joiner, invite });
    } else chain.addMember(joiner, invite.capabilities);
    chain.invites.use(invite);
  },
};
