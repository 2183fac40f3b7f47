// Protobuf as plain objects: every field is there, 64-bit numbers are bigint, bytes are Uint8Array, and the body of a
// oneof is named by it: `{ kind: 'event', event: {...} }`. `decodeCanonical` refuses what has a second encoding (SPEC
// 1.3).
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { EMPTY, equal } from './bytes.js';
import { Refused } from './errors.js';

/**
 * @typedef {object} Nack
 * @property {string} code
 * @property {string} message
 * @property {bigint} retryAfterMs
 * @property {bigint} limit
 * @property {bigint} epoch
 * @property {bigint} seq
 */

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url));
const load = (/** @type {string} */ file) => new protobuf.Root().loadSync(path(file)).resolveAll();
const relayTypes = load('../../../protocol/proto/sealpost.proto').lookup('sealpost.v1');
const keystoreTypes = load('../proto/keystore.proto').lookup('sealpost.keystore.v1');

/** @param {string} name */
const typeOf = (name) => relayTypes.get(name) ?? keystoreTypes.lookupType(name);

const WIDE = new Set(['uint64', 'int64', 'fixed64']);
const DEFAULTS = { bytes: EMPTY, string: '', bool: false };

/** @param {protobuf.Field} field */
const defaultOf = (field) => DEFAULTS[field.type] ?? (WIDE.has(field.type) ? 0n : isMessage(field) ? null : 0);
const isMessage = (/** @type {protobuf.Field} */ field) => field.resolvedType instanceof protobuf.Type;
const isDefault = (/** @type {any} */ value) =>
  value === null ||
  value === undefined ||
  value === 0 ||
  value === 0n ||
  value === '' ||
  value === false ||
  value.length === 0;

/** @param {protobuf.Field} field @param {any} value */
function valueToPlain(field, value) {
  if (isMessage(field)) return toPlain(field.resolvedType, value);
  if (field.type === 'bytes') return new Uint8Array(value);
  if (WIDE.has(field.type)) return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
  return value;
}

/** @param {protobuf.Type} type @param {any} message */
function toPlain(type, message) {
  const plain = {};
  for (const field of type.fieldsArray) {
    const there = Object.hasOwn(message, field.name);
    if (field.repeated) plain[field.name] = message[field.name].map((value) => valueToPlain(field, value));
    else if (there) plain[field.name] = valueToPlain(field, message[field.name]);
    else if (!field.partOf) plain[field.name] = defaultOf(field);
    if (there && field.partOf) plain[field.partOf.name] = field.name;
  }
  return plain;
}

/** @param {protobuf.Field} field @param {any} value */
function valueFromPlain(field, value) {
  if (isMessage(field)) return fromPlain(field.resolvedType, value);
  if (WIDE.has(field.type)) return protobuf.util.Long.fromBits(Number(value & 0xffffffffn), Number(value >> 32n), true);
  return value;
}

/** Leaves out defaults, so that the encoder writes canonical bytes. @param {protobuf.Type} type @param {any} plain */
function fromPlain(type, plain) {
  const message = type.create();
  for (const field of type.fieldsArray) {
    const value = plain[field.name];
    // What a oneof names is there, whatever its value.
    const isNamed = field.partOf && plain[field.partOf.name] === field.name && value !== undefined;
    if (isDefault(value) && !isNamed) continue;
    message[field.name] = field.repeated
      ? value.map((one) => valueFromPlain(field, one))
      : valueFromPlain(field, value);
  }
  return message;
}

/** Canonical bytes. @param {string} name of the message @param {object} plain @returns {Uint8Array} */
export function encode(name, plain) {
  const type = typeOf(name);
  return new Uint8Array(type.encode(fromPlain(type, plain)).finish());
}

/** Skips unknown fields. @param {string} name @param {Uint8Array} bytes @returns {any} */
export function decode(name, bytes) {
  const type = typeOf(name);
  let message;
  try {
    message = type.decode(bytes);
  } catch {
    throw new Refused('malformed', `not a ${name}`);
  }
  return toPlain(type, message);
}

/** Refuses all bytes but those that `encode` writes. @param {string} name @param {Uint8Array} bytes @returns {any} */
export function decodeCanonical(name, bytes) {
  const plain = decode(name, bytes);
  if (!equal(encode(name, plain), bytes)) throw new Refused('malformed', `not the one encoding of a ${name}`);
  return plain;
}
