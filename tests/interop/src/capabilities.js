// What a member may do beside reading (SPEC 5).
export const WRITE = 1;
export const INVITE = 2;
export const MANAGE = 4;
export const ALL = WRITE | INVITE | MANAGE;

/** Whether `capabilities` has every bit of `wanted`. @param {number} capabilities @param {number} wanted */
export const has = (capabilities, wanted) => (capabilities & wanted) === wanted;
