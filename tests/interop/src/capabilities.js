// What a member may do beside reading (SPEC 5).
import { require } from './errors.js';
import { AGENT } from './principals.js';

export const WRITE = 1;
export const INVITE = 2;
export const MANAGE = 4;
export const ALL = WRITE | INVITE | MANAGE;

/** Whether `capabilities` has every bit of `wanted`. @param {number} capabilities @param {number} wanted */
export const has = (capabilities, wanted) => (capabilities & wanted) === wanted;

/** Whether a member with `own` may bring in somebody with `granted`. @param {number} own @param {number} granted */
export const mayBringIn = (own, granted) => (has(own, INVITE) || has(own, MANAGE)) && has(own, granted);

/** @param {number} capabilities */
export const requireKnown = (capabilities) =>
  require((capabilities & ~ALL) === 0, 'control_invalid', 'capabilities that do not exist');

/** @param {number} kind of the principal @param {number} capabilities */
export const requireFit = (kind, capabilities) =>
  require(kind !== AGENT || has(WRITE, capabilities), 'control_invalid', 'an agent with `invite` or `manage`');
