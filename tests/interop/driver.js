// Lets another program use the client: one JSON command a line on standard input, one JSON answer a line on standard
// output. Bytes are hex, 64-bit numbers are decimal numbers. `{"do": "quit"}` or the end of input ends it.
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fromHex, toHex, utf8 } from './src/bytes.js';
import { Device } from './src/device.js';
import { Files } from './src/files.js';
import { fingerprint } from './src/principals.js';

/** @type {Device} */
let device;
/** @type {Map<string, { messages: AsyncGenerator, followed: Promise<void> }>} */
const readers = new Map();
/** @type {Promise<import('./src/sender.js').Ack>[]} */
const queued = [];
const text = new TextDecoder();

const whoami = () => ({
  account_id: toHex(device.accountId),
  principal_id: toHex(device.identity.principal.id),
  fingerprint: fingerprint(device.identity.principal.id),
});

/** @param {string} id */
function follow(id) {
  const space = device.space(fromHex(id, 32));
  if (!readers.has(id)) {
    const followed = space.follow();
    followed.catch(() => {}); // whoever reads or sends is told
    readers.set(id, { messages: space.messages(), followed });
  }
  return { space, ...readers.get(id) };
}

/** @param {string} id */
const filesOf = (id) => new Files(device.api, follow(id).space);

/** @param {import('./src/blobs.js').BlobReference} reference */
const shownFile = ({ blobId, name, contentType, size }) => ({
  blob_id: toHex(blobId),
  name,
  content_type: contentType,
  length: size.length,
});

/** @param {import('./src/space.js').Delivered} message */
const shown = ({ seq, index, eventId, author, contentType, body }) => ({
  seq: Number(seq),
  index,
  event_id: toHex(eventId),
  author: toHex(author),
  content_type: contentType,
  text: text.decode(body),
});

const COMMANDS = {
  async login({ url, home, handle, passphrase }) {
    device = await Device.logIn({ url, home, handle, passphrase, deviceName: 'interop' });
    return whoami();
  },

  async recover({ url, home, code }) {
    device = await Device.logInByRecoveryCode({ url, home, code, deviceName: 'interop' });
    return whoami();
  },

  async open({ home }) {
    device = await Device.open({ home });
    return whoami();
  },

  async spaces() {
    return { spaces: (await device.spaceIds()).map(toHex) };
  },

  /** The next messages, each once. */
  async read({ space: id, count }) {
    const { messages, followed } = follow(id);
    const read = [];
    while (read.length < count) {
      const { value } = await Promise.race([messages.next(), followed.then(() => ({ value: null }))]);
      read.push(shown(value));
    }
    return { messages: read };
  },

  /** Each text in an event of its own, or all in one; answers when they are acked. */
  async send({ space: id, texts, packed }) {
    const { space } = follow(id);
    const messages = texts.map((one) => ({ body: utf8(one), contentType: '' }));
    const events = packed ? [messages] : messages.map((message) => [message]);
    const acks = await Promise.all(events.map((event) => space.send(event)));
    return { acks: acks.map(({ seq, root }) => ({ seq: Number(seq), root: toHex(root) })) };
  },

  /** Answers when the events are on disk, on their way. */
  async queue({ space: id, texts }) {
    const { space } = follow(id);
    for (const one of texts) queued.push((await space.sender.queue([{ body: utf8(one), contentType: '' }])).acked);
    return { queued: queued.length };
  },

  /** Answers when all that was queued is acked. */
  async acked() {
    const acks = await Promise.all(queued);
    return { acks: acks.map(({ seq, root }) => ({ seq: Number(seq), root: toHex(root) })) };
  },

  /** A file of this machine. */
  async put({ space: id, file, name, content_type: contentType }) {
    const { reference, seq } = await filesOf(id).put(new Uint8Array(await readFile(file)), { name, contentType });
    return { ...shownFile(reference), seq: Number(seq) };
  },

  /** To a file of this machine. */
  async get({ space: id, name, to }) {
    const files = filesOf(id);
    const { reference } = await files.named(name);
    await writeFile(to, await files.get(reference));
    return shownFile(reference);
  },

  async remove({ space: id, name }) {
    const files = filesOf(id);
    const { reference, author } = await files.named(name);
    await files.remove(reference, author);
    return shownFile(reference);
  },

  /** What was verified so far, at least up to a place. */
  async place({ space: id, until }) {
    const { space } = follow(id);
    if (until) await space.readUntil(BigInt(until));
    if (space.history.alarm) throw space.history.alarm;
    const { seq, root, chain } = space.history.log;
    return {
      seq: Number(seq),
      root: toHex(root),
      epoch: Number(chain.epoch?.number ?? 0),
      members: [...chain.members.keys()],
    };
  },
};

const answer = (/** @type {object} */ value) => process.stdout.write(`${JSON.stringify(value)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === 'quit') break;
  try {
    answer({ ok: await COMMANDS[command.do](command) });
  } catch (error) {
    answer({ error: error.code ?? 'bug', message: error.message, ...(error.code ? {} : { stack: error.stack }) });
  }
}
await device?.close();
