// One folder for each device: what must survive a crash. A file is written aside, synced and renamed; a log is
// appended and synced, and a tail that a crash cut short is dropped. The folder holds secrets: a real app seals it
// with its platform's means.
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { concat, u32 } from './bytes.js';

const PREFIX = 4;

/** 64-bit numbers and bytes in JSON. @param {string} _ @param {any} value */
const replacer = (_, value) => {
  if (typeof value === 'bigint') return { $u64: value.toString() };
  if (value instanceof Uint8Array) return { $hex: Buffer.from(value).toString('hex') };
  return value;
};

/** @param {string} _ @param {any} value */
const reviver = (_, value) => {
  if (value && typeof value.$u64 === 'string') return BigInt(value.$u64);
  if (value && typeof value.$hex === 'string') return new Uint8Array(Buffer.from(value.$hex, 'hex'));
  return value;
};

/** @param {string} path */
function syncFolder(path) {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

/** One value, replaced as a whole. */
export class DurableValue {
  /** @param {string} path */
  constructor(path) {
    this.path = path;
  }

  /** @returns {any} undefined where nothing was written yet */
  read() {
    return existsSync(this.path) ? JSON.parse(readFileSync(this.path, 'utf8'), reviver) : undefined;
  }

  /** On disk when it returns. @param {any} value */
  write(value) {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const file = openSync(`${this.path}.new`, 'w', 0o600);
    writeSync(file, JSON.stringify(value, replacer));
    fsyncSync(file);
    closeSync(file);
    renameSync(`${this.path}.new`, this.path);
    syncFolder(dirname(this.path));
  }
}

/** Records that are only ever appended. */
export class DurableLog {
  #file;
  /** @type {Uint8Array[]} */
  records = [];

  /** @param {string} path */
  constructor(path) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#file = openSync(path, 'a+', 0o600);
    const bytes = readFileSync(path);
    const end = this.#load(bytes);
    if (end < bytes.length) ftruncateSync(this.#file, end);
  }

  /** @param {Buffer} bytes @returns {number} where the last whole record ends */
  #load(bytes) {
    let at = 0;
    while (at + PREFIX <= bytes.length) {
      const end = at + PREFIX + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      this.records.push(new Uint8Array(bytes.subarray(at + PREFIX, end)));
      at = end;
    }
    return at;
  }

  /** On disk when it returns. @param {Uint8Array[]} records */
  append(records) {
    writeSync(this.#file, concat(...records.flatMap((record) => [u32(record.length), record])));
    fsyncSync(this.#file);
    this.records.push(...records);
  }

  close() {
    closeSync(this.#file);
  }
}

/** @param {string} home @param {...string} names */
export const durableValue = (home, ...names) => new DurableValue(join(home, ...names));
