;; The two passes of the resampler in SIMD: about eight times as fast as the same loops in JavaScript.
;; assemble.js turns this file into passes-wasm.ts, and a test holds the two together.
;;
;; Both take the addresses of a pass's input, taps (i32 each; output i's weights begin at weights + i * taps * 4) and
;; output. Weights have 22 fractional bits. Reads and writes may pass the end of a row, and of the whole, by 15 bytes.
(module
  (memory (export "memory") 1)

  ;; Rows of RGB pixels, resized along x: one output pixel at a time, its channels in the lanes of one vector.
  ;; The fourth lane is the next pixel's red; the byte it stores is overwritten by the next output.
  (func (export "horizontal")
    (param $data i32) (param $stride i32) (param $rows i32)
    (param $from i32) (param $count i32) (param $weights i32) (param $taps i32) (param $outputs i32)
    (param $out i32)
    (local $x i32) (local $at i32) (local $weight i32) (local $end i32) (local $sum v128)
    (loop $nextRow
      (local.set $x (i32.const 0))
      (loop $nextOutput
        (local.set $at (i32.add (local.get $data)
          (i32.mul (i32.const 3) (i32.load (i32.add (local.get $from) (i32.shl (local.get $x) (i32.const 2)))))))
        (local.set $weight (i32.add (local.get $weights)
          (i32.mul (local.get $x) (i32.shl (local.get $taps) (i32.const 2)))))
        (local.set $end (i32.add (local.get $weight)
          (i32.shl (i32.load (i32.add (local.get $count) (i32.shl (local.get $x) (i32.const 2)))) (i32.const 2))))
        (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
        (loop $nextTap
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (v128.load32_splat (local.get $weight))
            (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $at)))))))
          (local.set $at (i32.add (local.get $at) (i32.const 3)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $nextTap (i32.lt_u (local.get $weight) (local.get $end))))
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $out (i32.add (local.get $out) (i32.const 3)))
        (local.set $x (i32.add (local.get $x) (i32.const 1)))
        (br_if $nextOutput (i32.lt_s (local.get $x) (local.get $outputs))))
      (local.set $data (i32.add (local.get $data) (local.get $stride)))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br_if $nextRow (local.get $rows))))

  ;; Rows of bytes, resized along y: sixteen bytes of an output row at a time, in four vectors.
  (func (export "vertical")
    (param $data i32) (param $stride i32) (param $rowBytes i32)
    (param $from i32) (param $count i32) (param $weights i32) (param $taps i32) (param $outputs i32)
    (param $out i32)
    (local $y i32) (local $x i32) (local $row i32) (local $at i32) (local $first i32) (local $weight i32) (local $end i32)
    (local $bytes v128) (local $words v128) (local $factor v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $nextOutput
      (local.set $row (i32.add (local.get $data) (i32.mul (local.get $stride)
        (i32.load (i32.add (local.get $from) (i32.shl (local.get $y) (i32.const 2)))))))
      (local.set $first (i32.add (local.get $weights)
        (i32.mul (local.get $y) (i32.shl (local.get $taps) (i32.const 2)))))
      (local.set $end (i32.add (local.get $first)
        (i32.shl (i32.load (i32.add (local.get $count) (i32.shl (local.get $y) (i32.const 2)))) (i32.const 2))))
      (local.set $x (i32.const 0))
      (loop $nextBytes
        (local.set $a (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (local.set $at (i32.add (local.get $row) (local.get $x)))
        (local.set $weight (local.get $first))
        (loop $nextTap
          (local.set $factor (v128.load32_splat (local.get $weight)))
          (local.set $bytes (v128.load (local.get $at)))
          (local.set $words (i16x8.extend_low_i8x16_u (local.get $bytes)))
          (local.set $a (i32x4.add (local.get $a)
            (i32x4.mul (local.get $factor) (i32x4.extend_low_i16x8_u (local.get $words)))))
          (local.set $b (i32x4.add (local.get $b)
            (i32x4.mul (local.get $factor) (i32x4.extend_high_i16x8_u (local.get $words)))))
          (local.set $words (i16x8.extend_high_i8x16_u (local.get $bytes)))
          (local.set $c (i32x4.add (local.get $c)
            (i32x4.mul (local.get $factor) (i32x4.extend_low_i16x8_u (local.get $words)))))
          (local.set $d (i32x4.add (local.get $d)
            (i32x4.mul (local.get $factor) (i32x4.extend_high_i16x8_u (local.get $words)))))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $nextTap (i32.lt_u (local.get $weight) (local.get $end))))
        (v128.store (i32.add (local.get $out) (local.get $x)) (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (br_if $nextBytes (i32.lt_s (local.get $x) (local.get $rowBytes))))
      (local.set $out (i32.add (local.get $out) (local.get $rowBytes)))
      (local.set $y (i32.add (local.get $y) (i32.const 1)))
      (br_if $nextOutput (i32.lt_s (local.get $y) (local.get $outputs))))))
