import { equal, toHex } from '../bytes.js';
import { ALL } from '../capabilities.js';
import { spaceIdOf } from '../control.js';
import { require } from '../errors.js';
import { HUMAN, parseManifest } from '../principals.js';

/** @type {import('../chain.js').Rule} */
export const genesis = {
  author(chain, control) {
    require(equal(spaceIdOf(control), chain.spaceId), 'control_conflict', 'the genesis record of another space');
    const creator = parseManifest(control.record.genesis.manifest);
    require(equal(creator.id, control.record.author), 'control_invalid', 'a genesis record by somebody else');
    return creator;
  },

  apply(chain, { record }) {
    const creator = parseManifest(record.genesis.manifest);
    require(record.genesis.salt.length === 32, 'control_invalid', 'a salt of another length');
    require(creator.kind === HUMAN, 'control_invalid', 'a space made by an agent');
    chain.members.set(toHex(creator.id), { principal: creator, capabilities: ALL });
    chain.setPolicy(record.genesis.policy);
  },
};
