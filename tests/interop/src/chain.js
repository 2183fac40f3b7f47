// The control chain (SPEC 5): who is a member with what capabilities, and which epoch is current. One file in `rules/`
// for each body; a body without rules here is refused.
import { equal, toHex } from './bytes.js';
import { Refused, require } from './errors.js';
import { requireSignatureOfControl } from './control.js';
import { addMember } from './rules/add_member.js';
import { genesis } from './rules/genesis.js';
import { rekey } from './rules/rekey.js';

/** @typedef {import('./control.js').ParsedControl} ParsedControl */
/** @typedef {{ principal: import('./principals.js').Principal, capabilities: number }} Member */

/**
 * What a body means. `author` returns the principal whose signature counts (a member, where it is left out); `apply`
 * checks the rules and then changes the chain, or throws and changes nothing.
 * @typedef {object} Rule
 * @property {(chain: ControlChain, control: ParsedControl) => import('./principals.js').Principal} [author]
 * @property {boolean} [coSigned] whether `apply` checks a second signature; else there must be none
 * @property {(chain: ControlChain, control: ParsedControl) => void} apply
 */

/** @type {Record<string, Rule>} */
const RULES = { genesis, addMember, rekey };

export class ControlChain {
  /** @param {Uint8Array} spaceId */
  constructor(spaceId) {
    this.spaceId = spaceId;
    /** @type {Uint8Array[]} the control ids; index 1 is at 0 */
    this.heads = [];
    /** @type {Map<string, Member>} by principal id in hex */
    this.members = new Map();
    /** @type {(import('./epochs.js').Epoch & { sealedPrevious: Uint8Array })[]} epoch 1 is at 0 */
    this.epochs = [];
    this.waitsForRekey = true;
    this.policy = { shareHistory: false, retentionSeconds: 0n };
    this.everDroppedContents = false;
  }

  /** @param {{ shareHistory: boolean, retentionSeconds: bigint } | null} policy none is the same as one of defaults */
  setPolicy(policy) {
    this.policy = policy ?? { shareHistory: false, retentionSeconds: 0n };
    this.everDroppedContents ||= this.policy.retentionSeconds > 0n;
  }

  get index() {
    return BigInt(this.heads.length);
  }

  get head() {
    return this.heads.at(-1) ?? new Uint8Array(0);
  }

  get epoch() {
    return this.epochs.at(-1) ?? null;
  }

  /** @param {bigint} number */
  epochAt(number) {
    return this.epochs[Number(number) - 1];
  }

  /** @param {bigint} index */
  headAt(index) {
    return this.heads[Number(index) - 1];
  }

  /** @param {Uint8Array} principalId */
  member(principalId) {
    return this.members.get(toHex(principalId));
  }

  /** @param {Uint8Array} principalId @returns {Member} */
  requireMember(principalId) {
    const member = this.member(principalId);
    if (!member) throw new Refused('not_a_member', toHex(principalId));
    return member;
  }

  /** Whether this very record stands at its index already. @param {ParsedControl} control */
  hasAlready({ id, record }) {
    const head = this.headAt(record.controlIndex);
    return head !== undefined && equal(head, id);
  }

  /** Takes the record as the next one, or throws why not. @param {ParsedControl} control */
  append(control) {
    const { record, id, signed } = control;
    if (record.body !== 'genesis') require(equal(record.spaceId, this.spaceId), 'control_conflict', 'of another space');
    require(record.controlIndex === this.index + 1n, 'control_conflict', 'not the next record');
    require(equal(record.previousHead, this.head), 'control_conflict', 'after another head');
    const rule = RULES[record.body];
    const author = rule?.author ? rule.author(this, control) : this.requireMember(record.author).principal;
    requireSignatureOfControl(control, author.signingKey);
    require(rule, 'control_invalid', `${record.body} has no rules yet`);
    const unasked = !rule.coSigned && signed.coSignature.length > 0;
    require(!unasked, 'control_invalid', 'a second signature that its body does not ask for');
    rule.apply(this, control);
    this.heads.push(id);
  }
}
