// The control chain (SPEC 5): who is a member with what capabilities, who may come in, and which epoch is current. The
// rules of each body are in `rules/`; a body without rules here is refused.
import { equal, toHex } from './bytes.js';
import { MANAGE, has } from './capabilities.js';
import { requireSignatureOfControl } from './control.js';
import { Refused, require } from './errors.js';
import { Invites, inviteRecipient } from './invites.js';
import { MAX_MEMBERS } from './limits.js';
import { addMember } from './rules/add_member.js';
import { genesis } from './rules/genesis.js';
import { acceptInvite, createInvite, revokeInvite } from './rules/invite.js';
import { leave } from './rules/leave.js';
import { rekey } from './rules/rekey.js';
import { removeMember } from './rules/remove_member.js';
import { replaceKeys } from './rules/replace_keys.js';
import { resume } from './rules/resume.js';
import { setCapabilities } from './rules/set_capabilities.js';
import { setPolicy } from './rules/set_policy.js';
import { tombstone } from './rules/tombstone.js';

/** @typedef {import('./control.js').ParsedControl} ParsedControl */
/** @typedef {import('./principals.js').Principal} Principal */
/** @typedef {{ principal: Principal, capabilities: number }} Member */
/** @typedef {{ isOn: (seq: bigint, root: Uint8Array) => boolean }} Places the log that the chain is part of */

/**
 * What a body means. `author` returns the principal whose signature counts (a member, where it is left out); `apply`
 * checks the rules and then changes the chain, or throws and changes nothing.
 * @typedef {object} Rule
 * @property {(chain: ControlChain, control: ParsedControl) => Principal} [author]
 * @property {'always' | 'newcomer'} [waiting] accepted while the space waits for a rekey: any, or for a newcomer's key
 * @property {boolean} [coSigned] whether `apply` checks a second signature; else there must be none
 * @property {(chain: ControlChain, control: ParsedControl, places: Places) => void} apply
 */

/** @type {Record<string, Rule>} */
const RULES = {
  genesis,
  addMember,
  removeMember,
  leave,
  rekey,
  setCapabilities,
  createInvite,
  revokeInvite,
  acceptInvite,
  setPolicy,
  replaceKeys,
  resume,
  tombstone,
};

export class ControlChain {
  /** @param {Uint8Array} spaceId */
  constructor(spaceId) {
    this.spaceId = spaceId;
    /** @type {Uint8Array[]} the control ids; index 1 is at 0 */
    this.heads = [];
    /** @type {Map<string, Member>} by principal id in hex */
    this.members = new Map();
    this.invites = new Invites();
    /** @type {(import('./epochs.js').Epoch & { sealedPrevious: Uint8Array })[]} epoch 1 is at 0 */
    this.epochs = [];
    /** @type {'newcomer' | 'removal' | null} whose key the space waits for */
    this.waitsFor = 'removal';
    this.tombstoned = false;
    this.policy = { shareHistory: false, retentionSeconds: 0n };
    this.everDroppedContents = false;
  }

  get waitsForRekey() {
    return this.waitsFor !== null;
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

  /** @param {Uint8Array} principalId @returns {Member} */
  requireManager(principalId) {
    const member = this.requireMember(principalId);
    require(has(member.capabilities, MANAGE), 'not_permitted', 'a record that needs `manage`');
    return member;
  }

  /** Somebody else with `manage` has to be left. @param {Uint8Array} principalId */
  requireManagerBeside(principalId) {
    const manages = ({ principal, capabilities }) => has(capabilities, MANAGE) && !equal(principal.id, principalId);
    require([...this.members.values()].some(manages), 'control_invalid', 'nobody with `manage` would be left');
  }

  /** @param {Principal} newcomer */
  requireRoomFor(newcomer) {
    require(!this.member(newcomer.id), 'control_invalid', 'a member is added again');
    require(this.members.size < MAX_MEMBERS, 'control_invalid', 'too many members');
  }

  /** @param {Principal} principal @param {number} capabilities */
  addMember(principal, capabilities) {
    this.members.set(toHex(principal.id), { principal, capabilities });
    if (!this.policy.shareHistory) this.waitsFor ??= 'newcomer';
  }

  /** Somebody goes: no link that they knew opens the space, and content waits for a key that they never had. @param {Uint8Array} principalId */
  dropMember(principalId) {
    this.members.delete(toHex(principalId));
    this.invites.voidAll();
    this.waitsFor = 'removal';
  }

  /** @param {{ shareHistory: boolean, retentionSeconds: bigint } | null} policy none is the same as one of defaults */
  setPolicy(policy) {
    this.policy = policy ?? { shareHistory: false, retentionSeconds: 0n };
    this.everDroppedContents ||= this.policy.retentionSeconds > 0n;
  }

  /** To whom the next secret is wrapped. @returns {Uint8Array[]} */
  recipients() {
    const invites = [...this.invites.open.values()].filter(({ carriesSecret }) => carriesSecret);
    return [...[...this.members.values()].map(({ principal }) => principal.id), ...invites.map(inviteRecipient)];
  }

  /** Whether this very record stands at its index already. @param {ParsedControl} control */
  hasAlready({ id, record }) {
    const head = this.headAt(record.controlIndex);
    return head !== undefined && equal(head, id);
  }

  /** Takes the record as the next one, or throws why not. @param {ParsedControl} control @param {Places} places */
  append(control, places) {
    this.#requireNext(control);
    const rule = RULES[control.record.body];
    const author = rule?.author ? rule.author(this, control) : this.requireMember(control.record.author).principal;
    requireSignatureOfControl(control, author.signingKey);
    require(rule, 'control_invalid', `${control.record.body} has no rules`);
    const unasked = !rule.coSigned && control.signed.coSignature.length > 0;
    require(!unasked, 'control_invalid', 'a second signature that its body does not ask for');
    if (control.record.body !== 'genesis') this.#requireAllowedWhileWaiting(rule);
    rule.apply(this, control, places);
    this.heads.push(control.id);
  }

  /** @param {ParsedControl} control */
  #requireNext({ record }) {
    if (record.body !== 'genesis') require(equal(record.spaceId, this.spaceId), 'control_conflict', 'of another space');
    require(record.controlIndex === this.index + 1n, 'control_conflict', 'not the next record');
    require(equal(record.previousHead, this.head), 'control_conflict', 'after another head');
    require(!this.tombstoned, 'tombstoned', 'a record after the tombstone');
  }

  /** @param {Rule} rule */
  #requireAllowedWhileWaiting(rule) {
    const allowed = !this.waitsFor || rule.waiting === 'always' || rule.waiting === this.waitsFor;
    require(allowed, 'rekey_required', 'a record before the rekey');
  }
}
