/* A pretrained encoder in one stretch of memory: its weights as int16, a scale for each row, and what is computed.

   A weight comes as int8, in the small model with 4 bits more, times a factor of 8 bits that 32 weights of a row share;
   that is a whole number of 16 bits, times its row's scale.

   Both models are made as BERT is: embeddings, then blocks of attention and a feed-forward net, a norm after each sum.
   The second, an ALBERT, has narrower embeddings, which one more matrix widens, and one block for all its layers. */
"use strict";

const ALIGNMENT = 16; // bytes: four numbers of 32 bits, a lane of the kernel
const GROUP = 32; // weights of a row that share a factor
const SPARE = 3; // tokens more than there are: the kernel takes four at a time
const aligned = bytes => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/* The kernel's three functions in plain JavaScript. Addresses and strides are in bytes, as there. */
function plainKernel(buffer) {
  const floats = new Float32Array(buffer), shorts = new Int16Array(buffer);
  return {
    // out (tokens, n) = x (tokens, k) · weightᵀ (n, k) · scale (n) + bias (n), four tokens at a time
    linear(x, weight, scale, bias, out, tokens, k, n, row) {
      const wide = row / 4;
      for (let o = 0; o < n; o++) {
        const factor = floats[scale / 4 + o], more = floats[bias / 4 + o];
        for (let c = 0; c < k; c++) floats[wide + c] = shorts[weight / 2 + o * k + c];
        for (let t = 0; t < tokens; t += 4) {
          let a = 0, b = 0, c = 0, d = 0;
          for (let from = x / 4 + t * k, r = wide; r < wide + k; from++, r++) {
            const w = floats[r];
            a += w * floats[from];
            b += w * floats[from + k];
            c += w * floats[from + 2 * k];
            d += w * floats[from + 3 * k];
          }
          [a, b, c, d].forEach((sum, spare) => (floats[out / 4 + (t + spare) * n + o] = sum * factor + more));
        }
      }
    },
    // out (tokens, tokens) = factor · q (tokens, 32) · kᵀ
    scores(q, k, out, tokens, stride, factor) {
      for (let i = 0, to = out / 4; i < tokens; i++) {
        for (let j = 0; j < tokens; j++, to++) {
          const query = (q + i * stride) / 4, key = (k + j * stride) / 4;
          let sum = 0;
          for (let c = 0; c < 32; c++) sum += floats[query + c] * floats[key + c];
          floats[to] = factor * sum;
        }
      }
    },
    // out (tokens, 32) = weights (tokens, tokens) · v (tokens, 32)
    mix(weights, v, out, tokens, stride, line) {
      for (let i = 0, weight = weights / 4; i < tokens; i++) {
        const to = (out + i * line) / 4;
        floats.fill(0, to, to + 32);
        for (let j = 0; j < tokens; j++, weight++) {
          const value = (v + j * stride) / 4;
          for (let c = 0; c < 32; c++) floats[to + c] += floats[weight] * floats[value + c];
        }
      }
    },
  };
}

/* Whole numbers of 16 bits: int8 at `at`, or 12 bits in sixteenths with the lower 4 at `fine`, times their factor. */
function unpack(content, {at, groups, fine}, to) {
  const coarse = new Int8Array(content, at, to.length), factors = new Uint8Array(content, groups, to.length / GROUP);
  const pairs = fine && new Uint8Array(content, fine, to.length / 2);
  for (let n = 0; n < to.length; n++) {
    const whole = coarse[n] + (pairs ? ((pairs[n >> 1] >> (n & 1 ? 4 : 0)) & 15) / 16 - 0.5 : 0);
    to[n] = Math.round(whole * factors[Math.floor(n / GROUP)]);
  }
}

const scaled = (row, scale) => Float32Array.from(row, value => value * scale);

/* Abramowitz and Stegun 7.1.26: the error function to 1.5e-7. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t *
    Math.exp(-x * x);
  return x < 0 ? -y : y;
}

class Encoder {
  /* sizes: one model of the manifest; kernel: a compiled WebAssembly.Module, or null for plain JavaScript. */
  constructor(sizes, kernel) {
    this.sizes = sizes;
    const {files, longest, width, inner, layers, heads} = sizes, tokens = longest + SPARE;
    let bytes = ALIGNMENT;
    const take = length => (bytes += aligned(length)) - aligned(length);
    this.tensors = Object.assign({}, ...files.map(file => this.place(file.tensors, take)));
    const room = [["x", tokens * width], ["qkv", tokens * 3 * width], ["mixed", tokens * width],
      ["sum", tokens * width], ["hidden", tokens * inner], ["row", Math.max(width, inner)],
      ["logits", (1 + SPARE) * (sizes.vocabulary ?? 0)], ["attention", layers * heads * longest * longest]];
    this.at = Object.fromEntries(room.map(([name, numbers]) => [name, take(4 * numbers)]));
    this.lanes = kernel !== null;
    if (kernel) {
      const memory = new WebAssembly.Memory({initial: Math.ceil(bytes / 65536)});
      this.kernel = new WebAssembly.Instance(kernel, {engine: {memory}}).exports;
      this.buffer = memory.buffer;
    } else {
      this.buffer = new ArrayBuffer(bytes);
      this.kernel = plainKernel(this.buffer);
    }
    this.floats = new Float32Array(this.buffer);
    this.shorts = new Int16Array(this.buffer);
  }

  /* Room for each tensor: numbers of 32 bits, or a matrix's of 16 and its rows' scales. */
  place(tensors, take) {
    const room = ({shape: [rows, columns = 1], scale}) =>
      scale ? {at: take(2 * rows * columns), scale: take(4 * rows)} : {at: take(4 * rows * columns)};
    return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, {...tensor, ...room(tensor)}]));
  }

  /* A file's tensors to their places. */
  put({tensors}, content) {
    for (const [name, {at, shape: [rows, columns = 1], scale, ...parts}] of Object.entries(tensors)) {
      const to = this.tensors[name], numbers = rows * columns, from = scale ?? at, count = scale ? rows : numbers;
      this.floats.set(new Float32Array(content, from, count), (scale ? to.scale : to.at) / 4);
      if (scale) unpack(content, {at, ...parts}, this.shorts.subarray(to.at / 2, to.at / 2 + numbers));
    }
  }

  linear(from, name, to, tokens) {
    const {at, scale, shape: [n, k]} = this.tensors[`${name}.weight`];
    this.kernel.linear(from, at, scale, this.tensors[`${name}.bias`].at, to, tokens, k, n, this.at.row);
  }

  /* x (tokens, width) = norm(x + added), in place; added = 0 if left out. */
  norm(x, name, tokens, added) {
    const {floats} = this, {at, shape: [width]} = this.tensors[`${name}.weight`];
    const weight = at / 4, bias = this.tensors[`${name}.bias`].at / 4;
    for (let t = 0; t < tokens; t++) {
      const from = x / 4 + t * width, more = added / 4 + t * width;
      let sum = 0, squares = 0;
      if (added) for (let c = 0; c < width; c++) floats[from + c] += floats[more + c];
      for (let c = 0; c < width; c++) sum += floats[from + c];
      const mean = sum / width;
      for (let c = 0; c < width; c++) squares += (floats[from + c] - mean) ** 2;
      const factor = 1 / Math.sqrt(squares / width + this.sizes.eps);
      for (let c = 0; c < width; c++) {
        floats[from + c] = (floats[from + c] - mean) * factor * floats[weight + c] + floats[bias + c];
      }
    }
  }

  gelu(x, numbers) {
    const part = this.floats.subarray(x / 4, x / 4 + numbers);
    for (let c = 0; c < numbers; c++) part[c] *= 0.5 * (1 + erf(part[c] * Math.SQRT1_2));
  }

  /* The tokens' vectors: rowOf(id) gives a token's row of the table. */
  embed(ids, rowOf, positions) {
    const {floats} = this, segment = this.tensors.segment.at / 4, place = this.tensors.positions.at / 4;
    const width = this.tensors.segment.shape[0], to = this.tensors["widen.weight"] ? this.at.sum : this.at.x;
    ids.forEach((id, t) => {
      const row = rowOf(id), line = to / 4 + t * width;
      for (let c = 0; c < width; c++) {
        floats[line + c] = row[c] + floats[segment + c] + (positions ? floats[place + t * width + c] : 0);
      }
    });
    this.norm(to, "embedding.norm", ids.length);
    if (to !== this.at.x) this.linear(to, "widen", this.at.x, ids.length);
  }

  /* Rows of scores into weights, in place. */
  softmax(at, rows, length) {
    for (let from = at / 4, i = 0; i < rows; i++, from += length) {
      const row = this.floats.subarray(from, from + length);
      let most = row[0], sum = 0;
      for (let j = 1; j < length; j++) if (row[j] > most) most = row[j];
      for (let j = 0; j < length; j++) sum += row[j] = Math.exp(row[j] - most);
      for (let j = 0; j < length; j++) row[j] /= sum;
    }
  }

  /* One head's weights at their place among all, and what it mixes of the values, its part of `mixed`. */
  head(layer, head, tokens, {without, uniform}) {
    const {floats, sizes: {heads, width}, at: {qkv, mixed, attention}} = this, part = 128 * head, line = 4 * width;
    const weights = attention + 4 * (layer * heads + head) * tokens * tokens;
    this.kernel.scores(qkv + part, qkv + line + part, weights, tokens, 3 * line, 1 / Math.sqrt(32));
    if (uniform.includes(layer)) floats.fill(1 / tokens, weights / 4, weights / 4 + tokens * tokens);
    else this.softmax(weights, tokens, tokens);
    this.kernel.mix(weights, qkv + 2 * line + part, mixed + part, tokens, 3 * line, line);
    if (without.some(([l, h]) => l === layer && h === head)) {
      for (let to = (mixed + part) / 4, t = 0; t < tokens; t++, to += width) floats.fill(0, to, to + 32);
    }
  }

  /* What each head adds to the tokens' vectors, their mean: (heads, width). */
  added(tensor, tokens) {
    const {floats, shorts, sizes: {heads, width}} = this, mean = new Float32Array(width);
    const out = new Float32Array(heads * width), {at, scale} = this.tensors[`${tensor}.weight`];
    for (let t = 0; t < tokens; t++) {
      for (let c = 0; c < width; c++) mean[c] += floats[this.at.mixed / 4 + t * width + c] / tokens;
    }
    for (let o = 0; o < width; o++) {
      const factor = floats[scale / 4 + o], row = at / 2 + o * width;
      for (let c = 0; c < width; c++) out[(c >> 5) * width + o] += mean[c] * shorts[row + c] * factor;
    }
    return out;
  }

  /* One block: x, in place. Returns what each head added. */
  block(layer, tokens, options) {
    const {x, qkv, mixed, sum, hidden} = this.at, {heads, inner, shared} = this.sizes;
    const name = `block.${shared ? 0 : layer}`;
    this.linear(x, `${name}.qkv`, qkv, tokens);
    for (let head = 0; head < heads; head++) this.head(layer, head, tokens, options);
    this.linear(mixed, `${name}.out`, sum, tokens);
    this.norm(x, `${name}.attn_norm`, tokens, sum);
    this.linear(x, `${name}.up`, hidden, tokens);
    this.gelu(hidden, tokens * inner);
    this.linear(hidden, `${name}.down`, sum, tokens);
    this.norm(x, `${name}.ffn_norm`, tokens, sum);
    return this.added(`${name}.out`, tokens);
  }

  /* A token's vector, from the model's own table. */
  row(id) {
    const {at, scale, shape: [, width]} = this.tensors["words.weight"];
    return scaled(this.shorts.subarray(at / 2 + id * width, at / 2 + (id + 1) * width), this.floats[scale / 4 + id]);
  }

  /* The same from a shard, which holds int8 rows, the factors of each 32, and the rows' scales. */
  shardRow(number, shard) {
    const {width} = this.sizes, count = shard.byteLength / (width + width / GROUP + 4), row = new Int16Array(width);
    unpack(shard, {at: number * width, groups: count * width + number * width / GROUP}, row);
    return scaled(row, new Float32Array(shard, count * (width + width / GROUP), count)[number]);
  }

  /* The length of what each head adds. */
  norms(output) {
    const {width} = this.sizes;
    return Float32Array.from({length: output.length / width}, (_, n) =>
      Math.hypot(...output.subarray(n * width, (n + 1) * width)));
  }

  /* All layers; pause() is awaited before each, and throws where the answer is no longer wanted. */
  async run(ids, rowOf, options, pause) {
    const {layers, heads, width} = this.sizes, tokens = ids.length, output = new Float32Array(layers * heads * width);
    this.embed(ids, rowOf, options.positions);
    for (let layer = 0; layer < layers; layer++) {
      await pause();
      output.set(this.block(layer, tokens, options), layer * heads * width);
    }
    const from = this.at.attention / 4, attention = this.floats.slice(from, from + layers * heads * tokens * tokens);
    return {output, attention, vector: this.mean(tokens)};
  }

  /* The mean of the tokens' vectors, of length 1. */
  mean(tokens) {
    const {width} = this.sizes, mean = new Float32Array(width);
    for (let n = 0; n < tokens * width; n++) mean[n % width] += this.floats[this.at.x / 4 + n];
    const length = Math.hypot(...mean);
    return mean.map(channel => channel / length);
  }

  /* The model's five best tokens, [id, probability], for the token at a place. */
  fill(place) {
    const {x, sum, logits} = this.at, {width, vocabulary} = this.sizes;
    const narrow = this.tensors["fill.weight"].shape[0];
    this.linear(x + 4 * place * width, "fill", sum, 1);
    this.gelu(sum, narrow);
    this.norm(sum, "fill.norm", 1);
    this.linear(sum, "words", logits, 1);
    this.softmax(logits, 1, vocabulary);
    const chances = this.floats.subarray(logits / 4, logits / 4 + vocabulary);
    return [...chances.entries()].sort((one, other) => other[1] - one[1]).slice(0, 5);
  }
}
