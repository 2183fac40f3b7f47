// Error codes that a client acts on by itself (SPEC 11).

/** The same request may succeed later without anybody changing it. */
export const TRANSIENT = new Set([
  'rate_limited',
  'overloaded',
  'maintenance',
  'kms_unavailable',
  'storage_unavailable',
  'internal',
  'recovering',
]);

/** Close codes after which connecting again is in vain (SPEC 12). */
export const LOGGED_OUT = new Set([4001, 4002]);
