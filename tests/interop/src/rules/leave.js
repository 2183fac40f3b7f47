/** @type {import('../chain.js').Rule} */
export const leave = {
  waiting: 'always',

  apply(chain, { record }) {
    chain.requireManagerBeside(record.author);
    chain.dropMember(record.author);
  },
};
