/* The page's side of the engine: two pretrained encoders that compute in a worker, so that the page never freezes.

   Files. Sources lie in book/live/; a build puts them into live/ beside the pages, with what it makes of the weights:
     engine.js        this file, a plain script: <script src="../live/engine.js" defer> sets window.LiveEngine
     worker.js        the worker: answers requests; loads tokens.js, model.js
     tokens.js        WordPiece and the reaction tokenizer, and the atoms of a reaction
     model.js         the network, and plain JavaScript for where the kernel is missing
     kernel.wasm      from kernel.wat: matrix products and attention on 128-bit lanes
     manifest.json    both models: sizes, tensors, files with their bytes and sha256
     *-<hash>.bin     weights, in shards whose names change with their content, so that the browser may keep them
   They are written only where the book has the page book/live.

   A request:   const answer = await LiveEngine.ask(request, onProgress)
     model        "sentence" (6 layers x 12 heads, width 384) or "reaction" (12 layers x 8 heads, width 256)
     text         what was typed
     slot         a name, "main" if left out. A newer request in a slot cancels the older one; slots wait for each other
     without      [[layer, head], ...] heads switched off: what they would add is left out; counted from 0
     uniform      [layer, ...] layers in which each token attends to all tokens alike
     positions    false: the tokens are not told where they stand
   onProgress({loaded, total}) is called in bytes while files come in, and not at all when everything is there.
   LiveEngine.load(model, onProgress) loads what every text of a model needs, before there is a text.
   LiveEngine.plain = true, before the first request, leaves the kernel out.

   An answer:
     model, text, layers, heads, length (i, the number of tokens)
     tokens       [string], as the tokenizer writes them: "[CLS]", "play", "##ing", "[SEP]"
     pieces       [string], what each token stands for in the text, also where the token is [UNK]
     ids          Int32Array (i,)
     unknown      how many tokens are [UNK];  cut: how many tokens were left out of a sentence that was too long
     attention    Float32Array (layers, heads, i, i): attention[((layer * heads + head) * i + query) * i + key]
     output       Float32Array (layers, heads, width): what each head adds to the tokens' vectors, their mean
     norms        Float32Array (layers, heads): the length of each head's row of `output`
     vector       Float32Array (width,): mean over tokens of the last layer, of length 1; two of them: LiveEngine.cosine
     ms           what the computation took, without loading;  lanes: whether the kernel did it, not plain JavaScript
     reaction only:
     atoms        [{token, element, side}] each atom: its token's place, "C", "reactant" or "product"; [] without ">>"
     map          [{product, reactant, weight}] for each atom of the product the atom it came from, as places of tokens
                  (reactant -1: no atom of that element); weight in 0..2 is the head's, both directions added
     head         [layer, head] that the map was read from
     filled       [{at, tokens: [5 strings], probabilities: [5 numbers]}] for each [MASK] in the text
   LiveEngine.moved(answer, other) -> Float32Array (layers, heads): how far each head's output moved between the two.
   LiveEngine.cosine(vector, other) -> number.

   An error is a LiveEngine.LiveError; its message is for the reader, its `kind` says what can be done:
     "file"        the page was opened from the disk, where a browser allows no worker and no fetch: it says what to do
     "network"     a file did not come: ask again, and only what is missing is fetched
     "input"       the text cannot be computed, and why
     "superseded"  a newer request took the slot: ignore it
     "engine"      something else broke; the next request starts anew

   Between this file and the worker:
     to it    {id, request} | {id, load: model} | {cancel: id}
     from it  {id, progress: {loaded, total}} | {id, answer} | {id, error: {kind, message}} */
"use strict";

(() => {
  const HERE = document.currentScript.src;
  const FROM_DISK = "This page was opened from the disk, and from there a browser lets no page compute in the " +
    "background or read the weights. Serve the book instead: python -m http.server --directory _build/html, then " +
    "open http://localhost:8000.";

  class LiveError extends Error {
    constructor(kind, message) {
      super(message);
      Object.assign(this, {name: "LiveError", kind});
    }
  }

  const waiting = new Map(); // id -> {resolve, reject, onProgress, slot}
  let worker = null, last = 0;

  function settle(id, how, value) {
    const entry = waiting.get(id);
    waiting.delete(id);
    entry?.[how](value);
  }

  function hear({data: {id, progress, answer, error}}) {
    if (progress) waiting.get(id)?.onProgress?.(progress);
    else if (error) settle(id, "reject", new LiveError(error.kind, error.message));
    else settle(id, "resolve", answer);
  }

  /* A worker that broke is given up with all that it was asked. */
  function giveUp(event) {
    worker?.terminate();
    worker = null;
    const why = event.message ? `broke off: ${event.message}` : "did not start";
    const error = new LiveError("engine", `The engine ${why}. Try again.`);
    for (const id of [...waiting.keys()]) settle(id, "reject", error);
  }

  function start() {
    worker = new Worker(new URL(LiveEngine.plain ? "worker.js?plain" : "worker.js", HERE));
    worker.onmessage = hear;
    worker.onerror = worker.onmessageerror = giveUp;
  }

  function post(message, slot, onProgress) {
    if (location.protocol === "file:") return Promise.reject(new LiveError("file", FROM_DISK));
    if (!worker) start();
    const id = ++last;
    const promise = new Promise((resolve, reject) => waiting.set(id, {resolve, reject, onProgress, slot}));
    worker.postMessage({id, ...message});
    return promise;
  }

  function supersede(slot) {
    for (const [id, entry] of waiting) {
      if (entry.slot !== slot) continue;
      worker.postMessage({cancel: id});
      settle(id, "reject", new LiveError("superseded", "A newer text came."));
    }
  }

  function cosine(one, other) {
    const dot = (a, b) => a.reduce((sum, value, n) => sum + value * b[n], 0);
    return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
  }

  function moved(answer, other) {
    const between = answer.output.map((value, n) => value - other.output[n]);
    const width = between.length / answer.norms.length;
    return answer.norms.map((_, n) => Math.hypot(...between.subarray(n * width, (n + 1) * width)));
  }

  const LiveEngine = {
    plain: false,
    LiveError,
    cosine,
    moved,
    load: (model, onProgress) => post({load: model}, null, onProgress),
    ask({slot = "main", ...request}, onProgress) {
      supersede(slot);
      return post({request}, slot, onProgress);
    },
  };
  window.LiveEngine = LiveEngine;
})();
