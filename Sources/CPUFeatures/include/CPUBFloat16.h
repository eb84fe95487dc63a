/* bfloat16: the upper half of a float. Included by CPUFeatures.h.

   AVX-512 BF16 adds two products of pairs of bfloat16 to a float, rounding after each, and takes denormal numbers for
   zeros, in what it reads and in what it makes. So does FMA when the CPU is told to, which is how all levels have the
   same bits: 20 million random sums and all 2^32 roundings were compared on Zen 4. */
#ifndef CHAINRULE_CPU_BFLOAT16_H
#define CHAINRULE_CPU_BFLOAT16_H

/* Rounded to bfloat16: to nearest, ties to even; NaN stays NaN; a denormal number becomes zero. */
CR_INLINE cr_floats cr_round_bfloat16(cr_floats v) {
  cr_uints x = (cr_uints)v;
  cr_uints magnitude = x & 0x7fffffffu;
  cr_uints is_nan = (cr_uints)(magnitude > 0x7f800000u);
  cr_uints is_tiny = (cr_uints)(magnitude < 0x00800000u);
  cr_uints rounded = (x + 0x7fffu + ((x >> 16) & 1u)) & 0xffff0000u;
  rounded = (is_nan & ((x & 0xffff0000u) | 0x00400000u)) | (~is_nan & rounded);
  return (cr_floats)((is_tiny & x & 0x80000000u) | (~is_tiny & rounded));
}

/* From here on this thread's arithmetic takes denormal numbers for zeros. Returns what to restore. */
CR_INLINE uint64_t cr_begin_flushing(void) {
#if defined(__x86_64__)
  uint32_t before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  return before;
#elif defined(__aarch64__)
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1u << 24));
  return before;
#else
  return 0;
#endif
}
CR_INLINE void cr_end_flushing(uint64_t before) {
#if defined(__x86_64__)
  _mm_setcsr((uint32_t)before);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
  (void)before;
#endif
}

/* AVX-512 BF16, and AVX-512 as cr_cpu_level has it. */
int32_t cr_has_bfloat16(void);

#if defined(__AVX512BF16__)
/* sum + a.first * b.first, then + a.second * b.second, in each lane. The instruction begins with the upper half:
   first is there. */
CR_INLINE cr_floats cr_dot_pairs(cr_floats sum, cr_floats a, cr_floats b) {
  return (cr_floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
/* Lane i: first[i] and second[i]. */
CR_INLINE cr_floats cr_pair(cr_floats first, cr_floats second) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)first, (__m512)second);
  return (cr_floats)_mm512_permutexvar_epi16(order, both);
}
/* Lane i: elements 2 i and 2 i + 1 of low and high, one behind the other. */
CR_INLINE cr_floats cr_pair_neighbours(cr_floats low, cr_floats high) {
  return (cr_floats)_mm512_rol_epi32((__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low), 16);
}
#endif

#endif
