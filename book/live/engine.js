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

   An answer:
     model, text, layers, heads, length (i, the number of tokens)
     tokens       [string], as the tokenizer writes them: "[CLS]", "play", "##ing", "[SEP]"
     ids          Int32Array (i,)
     unknown      how many tokens are [UNK];  cut: how many tokens were left out of a sentence that was too long
     attention    Float32Array (layers, heads, i, i): attention[((layer * heads + head) * i + query) * i + key]
     output       Float32Array (layers, heads, width): what each head adds to the tokens' vectors, their mean
     norms        Float32Array (layers, heads): the length of what a head adds to a token's vector, mean over tokens
     vector       Float32Array (width,): mean over tokens of the last layer, of length 1; two of them: LiveEngine.cosine
     ms           what the computation took, without loading
     reaction only:
     atoms        [{token, element, side}] each atom: its token's place, "C", "reactant" or "product"; [] without ">>"
     map          [{product, reactant, weight}] for each atom of the product the atom it came from, as places of tokens
                  (reactant -1: no atom of that element); weight in 0..2 is the head's, both directions added
     head         [layer, head] that the map was read from
     filled       [{at, tokens: [5 strings], probabilities: [5 numbers]}] for each [MASK] in the text
   LiveEngine.moved(answer, other) -> Float32Array (layers, heads): how far each head's output moved between two answers.
   LiveEngine.cosine(vector, other) -> number.

   An error is a LiveError; its message is a sentence for the reader, its `kind` says what may be done about it:
     "file"        the page was opened from the disk, where a browser allows neither worker nor fetch: show how to serve it
     "network"     a file did not come: ask again, and only what is missing is fetched
     "input"       the text cannot be computed, and why
     "superseded"  a newer request took the slot: ignore it
     "engine"      something else broke; the next request starts anew

   Between this file and the worker:
     to it    {id, request} | {id, load: model} | {cancel: id}
     from it  {id, progress: {loaded, total}} | {id, answer} | {id, error: {kind, message}} */
"use strict";
