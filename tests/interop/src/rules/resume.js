import { require } from '../errors.js';

/** @type {import('../chain.js').Rule} */
export const resume = {
  apply(chain, { record }, log) {
    const { lostSeq, lostRoot, keptSeq, keptRoot } = record.resume;
    chain.requireManager(record.author);
    require(log.isOn(keptSeq, keptRoot), 'control_invalid', 'goes on from a place that is not on the log');
    require(lostRoot.length === 32 &&
      !log.isOn(lostSeq, lostRoot), 'control_invalid', 'gives up a place that is on the log');
    require(lostSeq > keptSeq, 'control_invalid', 'gives up where it goes on');
  },
};
