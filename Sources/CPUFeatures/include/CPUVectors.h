/* Vector operations for which Swift's standard library has loops over lanes that the compiler does
   not always turn back into vectors. Included by CPUFeatures.h. */
#ifndef CHAINRULE_CPU_VECTORS_H
#define CHAINRULE_CPU_VECTORS_H

typedef unsigned long long cr_words8 __attribute__((ext_vector_type(8)));
typedef uint32_t cr_uint16 __attribute__((ext_vector_type(16)));
typedef int32_t cr_int16 __attribute__((ext_vector_type(16)));

/* Eight floats as doubles and back. The standard library's conversions may be left as functions of their own, which
   the linker could keep for the whole library. */
typedef float cr_float8 __attribute__((ext_vector_type(8)));
CR_INLINE cr_double8 cr_widen_float8(cr_float8 v) { return __builtin_convertvector(v, cr_double8); }
CR_INLINE cr_float8 cr_narrow_double8(cr_double8 v) { return __builtin_convertvector(v, cr_float8); }

CR_INLINE cr_float16 cr_root_float16(cr_float16 v) { return __builtin_elementwise_sqrt(v); }
CR_INLINE cr_double8 cr_root_double8(cr_double8 v) { return __builtin_elementwise_sqrt(v); }

/* The sum and the largest of the lanes: halves upon halves, one fixed tree at every CPU level. */
#define CR_LANE_TREE(NAME, COMBINE)                                                                \
  CR_INLINE float cr_##NAME##_float16(cr_float16 v) {                                              \
    typedef float half __attribute__((ext_vector_type(8)));                                        \
    typedef float quarter __attribute__((ext_vector_type(4)));                                     \
    half h0 = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);                               \
    half h1 = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);                         \
    half h = COMBINE(h0, h1);                                                                      \
    quarter q0 = __builtin_shufflevector(h, h, 0, 1, 2, 3);                                        \
    quarter q1 = __builtin_shufflevector(h, h, 4, 5, 6, 7);                                        \
    quarter q = COMBINE(q0, q1);                                                                   \
    quarter p = __builtin_shufflevector(q, q, 2, 3, -1, -1);                                       \
    q = COMBINE(q, p);                                                                             \
    p = __builtin_shufflevector(q, q, 1, -1, -1, -1);                                              \
    q = COMBINE(q, p);                                                                             \
    return q[0];                                                                                   \
  }                                                                                                \
  CR_INLINE double cr_##NAME##_double8(cr_double8 v) {                                             \
    typedef double half __attribute__((ext_vector_type(4)));                                       \
    typedef double quarter __attribute__((ext_vector_type(2)));                                    \
    half h0 = __builtin_shufflevector(v, v, 0, 1, 2, 3);                                           \
    half h1 = __builtin_shufflevector(v, v, 4, 5, 6, 7);                                           \
    half h = COMBINE(h0, h1);                                                                      \
    quarter q0 = __builtin_shufflevector(h, h, 0, 1);                                              \
    quarter q1 = __builtin_shufflevector(h, h, 2, 3);                                              \
    quarter q = COMBINE(q0, q1);                                                                   \
    quarter p = __builtin_shufflevector(q, q, 1, -1);                                              \
    q = COMBINE(q, p);                                                                             \
    return q[0];                                                                                   \
  }
#define CR_ADD(a, b) ((a) + (b))
/* b > a ? b : a: one instruction, as that comparison is the instruction's definition. */
#define CR_LARGER(a, b) ((b) > (a) ? (b) : (a))
CR_LANE_TREE(lane_sum, CR_ADD)
CR_LANE_TREE(lane_maximum, CR_LARGER)
#undef CR_LARGER
#undef CR_ADD
#undef CR_LANE_TREE

/* Every other element of two vectors, from the first on; and back, with zeros between. */
CR_INLINE cr_float16 cr_evens_float16(cr_float16 a, cr_float16 b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
CR_INLINE cr_double8 cr_evens_double8(cr_double8 a, cr_double8 b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
}
CR_INLINE cr_float16 cr_spread_low_float16(cr_float16 a) {
  return __builtin_shufflevector(a, (cr_float16)0, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
CR_INLINE cr_float16 cr_spread_high_float16(cr_float16 a) {
  return __builtin_shufflevector(a, (cr_float16)0, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
CR_INLINE cr_double8 cr_spread_low_double8(cr_double8 a) {
  return __builtin_shufflevector(a, (cr_double8)0, 0, 8, 1, 9, 2, 10, 3, 11);
}
CR_INLINE cr_double8 cr_spread_high_double8(cr_double8 a) {
  return __builtin_shufflevector(a, (cr_double8)0, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* The elements of two vectors in turn, of their first halves and of their second ones. */
CR_INLINE cr_float16 cr_interleave_low_float16(cr_float16 a, cr_float16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
CR_INLINE cr_float16 cr_interleave_high_float16(cr_float16 a, cr_float16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
CR_INLINE cr_double8 cr_interleave_low_double8(cr_double8 a, cr_double8 b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
CR_INLINE cr_double8 cr_interleave_high_double8(cr_double8 a, cr_double8 b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* Products of the low halves of 64 bits. */
CR_INLINE cr_words8 cr_multiply_words(cr_words8 a, cr_words8 b) {
#if defined(__AVX512F__)
  return (cr_words8)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  __m256i x[2], y[2];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  x[0] = _mm256_mul_epu32(x[0], y[0]);
  x[1] = _mm256_mul_epu32(x[1], y[1]);
  __builtin_memcpy(&a, x, 64);
  return a;
#else
  return (a & 0xffffffffull) * (b & 0xffffffffull);
#endif
}

/* Random words of the even and the odd of 16 elements, in the low halves of 64 bits: their first 24
   bits as numbers in [0, 1). */
#define CR_JOIN_WORDS(even, odd) ((cr_uint16)(((even) & 0xffffffffull) | ((odd) << 32)))
CR_INLINE cr_float16 cr_uniform_float16(cr_words8 even, cr_words8 odd) {
  cr_int16 bits = (cr_int16)(CR_JOIN_WORDS(even, odd) >> 8);
  return __builtin_convertvector(bits, cr_float16) * 0x1p-24f;
}
/* `kept` where those 24 bits are at least `threshold`, else 0. */
CR_INLINE cr_float16 cr_choice_float16(cr_words8 even, cr_words8 odd, int32_t threshold, float kept) {
  cr_int16 bits = (cr_int16)(CR_JOIN_WORDS(even, odd) >> 8);
  cr_int16 mask = bits >= threshold;
  cr_int16 value = (cr_int16)(cr_float16)kept;
  return (cr_float16)(mask & value);
}
#undef CR_JOIN_WORDS

#endif
