/** @type {import('../chain.js').Rule} */
export const tombstone = {
  waiting: 'always',

  apply(chain, { record }) {
    chain.requireManager(record.author);
    chain.tombstoned = true;
  },
};
