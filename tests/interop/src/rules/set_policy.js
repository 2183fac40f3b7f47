/** @type {import('../chain.js').Rule} */
export const setPolicy = {
  apply(chain, { record }) {
    chain.requireManager(record.author);
    const before = chain.policy.shareHistory;
    chain.setPolicy(record.setPolicy.policy);
    if (chain.policy.shareHistory !== before) chain.invites.voidOpen();
  },
};
