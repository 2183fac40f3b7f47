import { MANAGE, WRITE, has } from '../capabilities.js';
import { require } from '../errors.js';
import { SEALED_PREVIOUS } from '../limits.js';
import { HUMAN } from '../principals.js';

/** @type {import('../chain.js').Rule} */
export const rekey = {
  waiting: 'always',

  apply(chain, { record }) {
    const { epoch, keyId, wrapsDigest, wrapCount, sealedPrevious } = record.rekey;
    const { principal, capabilities } = chain.requireMember(record.author);
    const enough = has(capabilities, MANAGE) || (chain.waitsForRekey && has(capabilities, WRITE));
    require(principal.kind === HUMAN && enough, 'not_permitted', 'a rekey by a member who may not');
    const last = chain.epoch?.number ?? 0n;
    require(epoch === last + 1n, 'control_invalid', 'not the next epoch');
    require(keyId.length === 32 &&
      wrapsDigest.length === 32, 'control_invalid', 'a key id or digest of another length');
    require(wrapCount === chain.recipients().length, 'control_invalid', 'not one wrap for each recipient');
    const sealed = chain.policy.shareHistory && last > 0n ? SEALED_PREVIOUS : 0;
    require(sealedPrevious.length === sealed, 'control_invalid', 'a previous secret where there is none');
    chain.epochs.push({ spaceId: chain.spaceId, number: epoch, keyId, sealedPrevious });
    chain.waitsFor = null;
  },
};
