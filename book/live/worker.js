/* The worker: fetches what a text needs, computes, answers. What it is told and says: see engine.js. */
"use strict";

importScripts("tokens.js", "model.js");

const LONGEST_TEXT = 5000; // characters
const PLAIN = location.search === "?plain"; // leave the kernel out
const FAILED = "did not come from the server. Try again: only what is missing is fetched.";

const failure = (kind, message) => Object.assign(new Error(message), {kind});
const channel = new MessageChannel();
const cancelled = new Set();
const fetched = new Map(); // file name -> {bytes, loaded, done, content: promise}
const kept = new Map(); // "manifest", and models by name -> promise
const watchers = new Set();
const refetch = new Set(); // what failed: a browser's cache keeps damaged files and errors, too
let turn = Promise.resolve();

async function hash(content) {
  if (!crypto.subtle) return null; // only where the page came by https or from this machine
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("");
}

async function receive(file, state) {
  const cache = refetch.delete(file.name) ? "reload" : "force-cache"; // a name changes with its content
  const answer = await fetch(file.name, {cache});
  if (!answer.ok) throw failure("network", `${file.name} ${FAILED} It answered ${answer.status}.`);
  const content = new Uint8Array(file.bytes), reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (state.loaded + part.value.length <= file.bytes) content.set(part.value, state.loaded);
    state.loaded += part.value.length;
    watchers.forEach(watcher => watcher());
  }
  if (state.loaded !== file.bytes || ![null, file.sha256].includes(await hash(content))) {
    throw failure("network", `${file.name} came damaged. Try again: it is fetched anew.`);
  }
  return content.buffer;
}

/* What `use` makes of a file, fetched once; a failed one is forgotten, so that it can be tried again. */
function get(file, use) {
  if (!fetched.has(file.name)) {
    const state = {bytes: file.bytes, loaded: 0, done: false};
    state.content = receive(file, state).then(use).catch(error => {
      fetched.delete(file.name);
      refetch.add(file.name);
      throw error.kind ? error : failure("network", `${file.name} ${FAILED}`);
    });
    state.content.then(() => (state.done = true), () => {});
    fetched.set(file.name, state);
  }
  return fetched.get(file.name);
}

/* All of these files; told() hears of the bytes of those that were not there yet. */
async function getAll(wanted, told) {
  const coming = wanted.map(([file, use]) => get(file, use)).filter(state => !state.done);
  if (!coming.length) return;
  const sum = key => coming.reduce((all, state) => all + state[key], 0);
  const watcher = () => told({loaded: sum("loaded"), total: sum("bytes")});
  watchers.add(watcher);
  try {
    await Promise.all(coming.map(state => state.content));
  } finally {
    watchers.delete(watcher);
  }
}

async function readManifest() {
  const answer = await fetch("manifest.json", {cache: "no-cache"}).catch(() => ({ok: false}));
  if (!answer.ok) throw failure("network", `manifest.json ${FAILED}`);
  return answer.json();
}

async function compileKernel(file) {
  if (PLAIN || typeof WebAssembly === "undefined") return null;
  const code = await get(file, content => content).content;
  return WebAssembly.validate(code) ? WebAssembly.compile(code) : null; // not valid where lanes are unknown
}

/* A promise kept under a name; a failed one is forgotten. */
function keep(name, make) {
  if (!kept.has(name)) kept.set(name, make());
  kept.get(name).catch(() => kept.delete(name));
  return kept.get(name);
}

async function open(name) {
  const {models: known, kernel} = await keep("manifest", readManifest);
  const sizes = Object.hasOwn(known, name) ? known[name] : null;
  if (!sizes) throw failure("input", `There is no model “${name}”, only ${Object.keys(known).join(" and ")}.`);
  return {sizes, encoder: new Encoder(sizes, await compileKernel(kernel))};
}

async function load(name, told) {
  const model = await keep(name, () => open(name));
  const {sizes, encoder} = model;
  const use = file => content => {
    encoder.put(file, content);
    if (file.text) model.vocabulary = new Vocabulary(new TextDecoder().decode(new Uint8Array(content, ...file.text)));
  };
  await getAll(sizes.files.map(file => [file, use(file)]), told);
  return model;
}

/* Where a token's vector is: in the model, or in shards, of which only those asked for are fetched. */
async function rows({sizes, encoder}, ids, told) {
  const {shards, rows: each} = sizes.words ?? {shards: [], rows: 1};
  if (!shards.length) return id => encoder.row(id);
  const numbers = [...new Set(Array.from(ids, id => Math.floor(id / each)))];
  await getAll(numbers.map(number => [shards[number], content => content]), told);
  const contents = new Map();
  for (const number of numbers) contents.set(number, await get(shards[number]).content);
  return id => encoder.shardRow(id % each, contents.get(Math.floor(id / each)));
}

function tokenize(name, text, {sizes, vocabulary}) {
  if (typeof text !== "string") throw failure("input", "There is no text to read.");
  if (text.length > LONGEST_TEXT) {
    throw failure("input", `The text has ${text.length} characters; up to ${LONGEST_TEXT} are read.`);
  }
  const pieces = name === "reaction" ? reactionTokens(text) : sentenceTokens(text, vocabulary);
  const read = vocabulary.wrap(pieces, sizes.longest);
  if (name === "reaction" && read.cut) {
    throw failure("input", `The reaction has ${pieces.length} tokens; up to ${sizes.longest - 2} are read.`);
  }
  return read;
}

/* Let messages come in between two layers, and stop if one of them cancelled this. */
const pause = id => new Promise((resolve, reject) => {
  channel.port1.onmessage = () => (cancelled.has(id) ? reject(failure("superseded", "A newer text came.")) : resolve());
  channel.port2.postMessage(null);
});

/* One computation at a time: a model has one place for what it computes. */
function inTurn(task) {
  const done = turn.then(task);
  turn = done.catch(() => {});
  return done;
}

function readReaction({sizes, encoder, vocabulary}, {tokens, pieces}, attention) {
  const [layer, head] = sizes.map, length = tokens.length, found = atoms(pieces);
  const from = (layer * sizes.heads + head) * length * length;
  const filled = tokens.flatMap((token, at) => {
    if (token !== "[MASK]") return [];
    const best = encoder.fill(at);
    return [{at, tokens: best.map(([id]) => vocabulary.tokens[id]), probabilities: best.map(([, chance]) => chance)}];
  });
  return {head: [layer, head], atoms: found, map: mapAtoms(found, attention.subarray(from), length), filled};
}

async function answer(id, {model: name, text, without = [], uniform = [], positions = true}, told) {
  const model = await load(name, told), {sizes, encoder} = model;
  const read = tokenize(name, text, model);
  const rowOf = await rows(model, read.ids, told);
  return inTurn(async () => {
    const start = performance.now();
    const found = await encoder.run(read.ids, rowOf, {without, uniform, positions}, () => pause(id));
    const reaction = name === "reaction" ? readReaction(model, read, found.attention) : {};
    const norms = encoder.norms(found.output), {layers, heads} = sizes;
    const rest = {model: name, text, layers, heads, length: read.ids.length, norms, ms: performance.now() - start};
    return {...read, ...found, ...reaction, ...rest, lanes: encoder.lanes};
  });
}

self.onmessage = async ({data: {id, request, load: name, cancel}}) => {
  if (cancel !== undefined) return cancelled.add(cancel);
  const told = progress => self.postMessage({id, progress});
  try {
    const found = request ? await answer(id, request, told) : await load(name, told).then(() => null);
    const buffers = found ? [found.ids, found.attention, found.output, found.vector].map(array => array.buffer) : [];
    self.postMessage({id, answer: found}, buffers);
  } catch (error) {
    const {kind = "engine", message} = error;
    self.postMessage({id, error: {kind, message: error.kind ? message : `The computation broke off: ${message}`}});
  }
  cancelled.delete(id);
};
