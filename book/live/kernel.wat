;; The engine's inner loops on 128-bit lanes: four numbers at a time. All addresses and strides are in bytes.
;; model.js holds the same three functions in plain JavaScript, for browsers without lanes; read them there first.
(module
  (memory (import "engine" "memory") 1)

  (func $sum (param $lanes v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $lanes)) (f32x4.extract_lane 1 (local.get $lanes)))
      (f32.add (f32x4.extract_lane 2 (local.get $lanes)) (f32x4.extract_lane 3 (local.get $lanes)))))

  ;; out (tokens, n) = x (tokens, k) · weightᵀ (n, k) · scale (n) + bias (n). The weights are int16; a row of them is
  ;; widened into `row` once and then meets four tokens at a time: k must divide by 8, and x and out have room for
  ;; three tokens more than there are.
  (func (export "linear")
    (param $x i32) (param $weight i32) (param $scale i32) (param $bias i32) (param $out i32)
    (param $tokens i32) (param $k i32) (param $n i32) (param $row i32)
    (local $width i32) (local $line i32) (local $end i32) (local $r i32) (local $last i32) (local $to i32)
    (local $past i32) (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $eight v128) (local $w v128)
    (local $sum_a v128) (local $sum_b v128) (local $sum_c v128) (local $sum_d v128) (local $s f32) (local $add f32)
    (local.set $width (i32.shl (local.get $k) (i32.const 2)))  ;; of a token in x
    (local.set $line (i32.shl (local.get $n) (i32.const 2)))  ;; of a token in out
    (local.set $end (i32.add (local.get $row) (local.get $width)))
    (local.set $past (i32.add (local.get $x) (i32.mul (local.get $tokens) (local.get $width))))
    (local.set $last (i32.add (local.get $out) (local.get $line)))
    (loop $rows
      (local.set $r (local.get $row))
      (loop $widen
        (local.set $eight (v128.load (local.get $weight)))
        (v128.store (local.get $r) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $eight))))
        (v128.store offset=16 (local.get $r) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $eight))))
        (local.set $weight (i32.add (local.get $weight) (i32.const 16)))
        (br_if $widen (i32.lt_u (local.tee $r (i32.add (local.get $r) (i32.const 32))) (local.get $end))))
      (local.set $s (f32.load (local.get $scale)))
      (local.set $add (f32.load (local.get $bias)))
      (local.set $a (local.get $x))
      (local.set $to (local.get $out))
      (loop $fours
        (local.set $b (i32.add (local.get $a) (local.get $width)))
        (local.set $c (i32.add (local.get $b) (local.get $width)))
        (local.set $d (i32.add (local.get $c) (local.get $width)))
        (local.set $sum_a (v128.const f32x4 0 0 0 0))
        (local.set $sum_b (v128.const f32x4 0 0 0 0))
        (local.set $sum_c (v128.const f32x4 0 0 0 0))
        (local.set $sum_d (v128.const f32x4 0 0 0 0))
        (local.set $r (local.get $row))
        (loop $channels
          (local.set $w (v128.load (local.get $r)))
          (local.set $sum_a (f32x4.add (local.get $sum_a) (f32x4.mul (local.get $w) (v128.load (local.get $a)))))
          (local.set $sum_b (f32x4.add (local.get $sum_b) (f32x4.mul (local.get $w) (v128.load (local.get $b)))))
          (local.set $sum_c (f32x4.add (local.get $sum_c) (f32x4.mul (local.get $w) (v128.load (local.get $c)))))
          (local.set $sum_d (f32x4.add (local.get $sum_d) (f32x4.mul (local.get $w) (v128.load (local.get $d)))))
          (local.set $a (i32.add (local.get $a) (i32.const 16)))
          (local.set $b (i32.add (local.get $b) (i32.const 16)))
          (local.set $c (i32.add (local.get $c) (i32.const 16)))
          (local.set $d (i32.add (local.get $d) (i32.const 16)))
          (br_if $channels (i32.lt_u (local.tee $r (i32.add (local.get $r) (i32.const 16))) (local.get $end))))
        (f32.store (local.get $to)
          (f32.add (f32.mul (call $sum (local.get $sum_a)) (local.get $s)) (local.get $add)))
        (f32.store (local.tee $to (i32.add (local.get $to) (local.get $line)))
          (f32.add (f32.mul (call $sum (local.get $sum_b)) (local.get $s)) (local.get $add)))
        (f32.store (local.tee $to (i32.add (local.get $to) (local.get $line)))
          (f32.add (f32.mul (call $sum (local.get $sum_c)) (local.get $s)) (local.get $add)))
        (f32.store (local.tee $to (i32.add (local.get $to) (local.get $line)))
          (f32.add (f32.mul (call $sum (local.get $sum_d)) (local.get $s)) (local.get $add)))
        (local.set $to (i32.add (local.get $to) (local.get $line)))
        (local.set $a (local.get $d))  ;; it has come to the end of its token, where the next one begins
        (br_if $fours (i32.lt_u (local.get $a) (local.get $past))))
      (local.set $scale (i32.add (local.get $scale) (i32.const 4)))
      (local.set $bias (i32.add (local.get $bias) (i32.const 4)))
      (br_if $rows (i32.lt_u (local.tee $out (i32.add (local.get $out) (i32.const 4))) (local.get $last)))))

  ;; out (tokens, tokens) = factor · q (tokens, 32) · kᵀ. The tokens of q and k lie `stride` apart.
  (func (export "scores")
    (param $q i32) (param $k i32) (param $out i32) (param $tokens i32) (param $stride i32) (param $factor f32)
    (local $past i32) (local $lines i32) (local $key i32) (local $to i32)
    (local $q0 v128) (local $q1 v128) (local $q2 v128) (local $q3 v128)
    (local $q4 v128) (local $q5 v128) (local $q6 v128) (local $q7 v128)
    (local.set $past (i32.add (local.get $k) (i32.mul (local.get $tokens) (local.get $stride))))
    (local.set $lines (i32.add (local.get $q) (i32.mul (local.get $tokens) (local.get $stride))))
    (loop $queries
      (local.set $q0 (v128.load (local.get $q)))
      (local.set $q1 (v128.load offset=16 (local.get $q)))
      (local.set $q2 (v128.load offset=32 (local.get $q)))
      (local.set $q3 (v128.load offset=48 (local.get $q)))
      (local.set $q4 (v128.load offset=64 (local.get $q)))
      (local.set $q5 (v128.load offset=80 (local.get $q)))
      (local.set $q6 (v128.load offset=96 (local.get $q)))
      (local.set $q7 (v128.load offset=112 (local.get $q)))
      (local.set $key (local.get $k))
      (loop $keys
        (f32.store (local.get $out) (f32.mul (local.get $factor) (call $sum
          (f32x4.add
            (f32x4.add
              (f32x4.add (f32x4.mul (local.get $q0) (v128.load (local.get $key)))
                (f32x4.mul (local.get $q1) (v128.load offset=16 (local.get $key))))
              (f32x4.add (f32x4.mul (local.get $q2) (v128.load offset=32 (local.get $key)))
                (f32x4.mul (local.get $q3) (v128.load offset=48 (local.get $key)))))
            (f32x4.add
              (f32x4.add (f32x4.mul (local.get $q4) (v128.load offset=64 (local.get $key)))
                (f32x4.mul (local.get $q5) (v128.load offset=80 (local.get $key))))
              (f32x4.add (f32x4.mul (local.get $q6) (v128.load offset=96 (local.get $key)))
                (f32x4.mul (local.get $q7) (v128.load offset=112 (local.get $key)))))))))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br_if $keys (i32.lt_u (local.tee $key (i32.add (local.get $key) (local.get $stride))) (local.get $past))))
      (br_if $queries (i32.lt_u (local.tee $q (i32.add (local.get $q) (local.get $stride))) (local.get $lines)))))

  ;; out (tokens, 32) = weights (tokens, tokens) · v (tokens, 32). The tokens of v lie `stride` apart, of out `line`.
  (func (export "mix")
    (param $weights i32) (param $v i32) (param $out i32) (param $tokens i32) (param $stride i32) (param $line i32)
    (local $end i32) (local $query i32) (local $value i32) (local $past i32) (local $channel i32) (local $at i32)
    (local $sum v128)
    (local.set $past (i32.mul (local.get $tokens) (i32.const 4)))
    (loop $queries
      (local.set $channel (i32.const 0))
      (loop $channels
        (local.set $sum (v128.const f32x4 0 0 0 0))
        (local.set $value (i32.add (local.get $v) (local.get $channel)))
        (local.set $at (local.get $weights))
        (local.set $end (i32.add (local.get $weights) (local.get $past)))
        (loop $keys
          (local.set $sum (f32x4.add (local.get $sum)
            (f32x4.mul (v128.load32_splat (local.get $at)) (v128.load (local.get $value)))))
          (local.set $value (i32.add (local.get $value) (local.get $stride)))
          (br_if $keys (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $end))))
        (v128.store (i32.add (local.get $out) (local.get $channel)) (local.get $sum))
        (br_if $channels
          (i32.lt_u (local.tee $channel (i32.add (local.get $channel) (i32.const 16))) (i32.const 128))))
      (local.set $out (i32.add (local.get $out) (local.get $line)))
      (local.set $weights (local.get $end))
      (br_if $queries
        (i32.lt_u (local.tee $query (i32.add (local.get $query) (i32.const 1))) (local.get $tokens))))))
